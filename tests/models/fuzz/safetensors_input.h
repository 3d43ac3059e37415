#pragma once
// Safetensors files out of any bytes, for the fuzzers.

#include <cstdint>
#include <span>

namespace sotto::models::testing {

// The bytes of a file: refused, or its tensors are what the format promises, and come back when they are written.
// Otherwise the program ends.
void take_safetensors_input(std::span<const std::uint8_t> bytes);

}  // namespace sotto::models::testing
