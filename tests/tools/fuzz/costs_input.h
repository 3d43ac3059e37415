#pragma once
// Files of measured costs out of any bytes, for the fuzzers.

#include <cstdint>
#include <span>

namespace sotto::tools::testing {

// The bytes as the file: the costs of the key {"a", "b", 2, "c", "d", "stock"} are in it and plausible, or it counts as
// one without them, and so it stays when costs of another key are kept in it. Otherwise the program ends.
void take_costs_input(std::span<const std::uint8_t> bytes);

}  // namespace sotto::tools::testing
