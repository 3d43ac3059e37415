#pragma once
// Configuration files of `sotto train` out of any bytes, for the fuzzers.

#include <cstdint>
#include <span>

namespace sotto::tools::testing {

// The bytes as the text of a file: refused with a UsageError, or values of known keys, of which train_options makes
// options that come back from the file that format_config writes of them (an empty text as the default), or which it
// refuses with a UsageError. Otherwise the program ends.
void take_config_input(std::span<const std::uint8_t> bytes);

}  // namespace sotto::tools::testing
