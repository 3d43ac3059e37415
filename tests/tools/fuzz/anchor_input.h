#pragma once
// Anchors of ledgers out of any bytes, for the fuzzers.

#include <cstdint>
#include <span>

namespace sotto::tools::testing {

// The bytes as text: refused with a DataError, or the one text that is written for the anchor read. Otherwise the
// program ends.
void take_anchor_input(std::span<const std::uint8_t> bytes);

}  // namespace sotto::tools::testing
