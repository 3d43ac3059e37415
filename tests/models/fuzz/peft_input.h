#pragma once
// Settings of adapters (adapter_config.json) out of any bytes, for the fuzzers.

#include <cstdint>
#include <span>

namespace sotto::models::testing {

// The bytes as the file: refused with a DataError, or settings within their ranges that come back when they are
// written. Otherwise the program ends.
void take_peft_input(std::span<const std::uint8_t> bytes);

}  // namespace sotto::models::testing
