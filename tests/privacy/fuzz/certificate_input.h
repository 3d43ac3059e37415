#pragma once
// Certificates out of any bytes, for the fuzzers:
//
//   byte 0     what the rest is: 0 the text of a certificate; 1 choices of the values of one (modulo 2)

#include <cstdint>
#include <span>

namespace sotto::privacy::testing {

// Text is refused with a DataError, or is what to_json writes for what was read. A certificate of chosen values is
// refused by to_json with a UsageError when validate refuses it; otherwise its text is read as the same values, with
// each epsilon rounded up by less than 1e-4 and the last place of a double. Otherwise the program ends.
void take_certificate_input(std::span<const std::uint8_t> bytes);

}  // namespace sotto::privacy::testing
