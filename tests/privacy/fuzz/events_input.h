#pragma once
// Accounted events out of any bytes, for the fuzzers.

#include <cstdint>
#include <span>

namespace sotto::privacy::testing {

// The bytes as JSON: refused with a UsageError, or valid events whose canonical text is read as the same and is its own
// canonical text. Otherwise the program ends.
void take_events_input(std::span<const std::uint8_t> bytes);

}  // namespace sotto::privacy::testing
