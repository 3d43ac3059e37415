#pragma once
// PNG and JPEG files out of any bytes, for the fuzzers:
//
//   byte 0     modulo 2: 0 grey, 1 red, green and blue is what is declared
//              / 2, modulo 3: the rest is 0 a file; 1 a PNG file whose check sums are put right; 2 the rows of a PNG
//              file, before they are packed, which is made of them: 8 bits, not interlaced
//              / 8, modulo 2, of rows: 0 grey, 1 red, green and blue
//   bytes 1-2  height and width, but 1 (modulo 32)
//   the rest   as above

#include <cstddef>
#include <cstdint>
#include <span>

namespace sotto::data::testing {

// Refused, or a picture that comes back when it is written, and does not depend on what was where it is written to.
// One made of rows is refused where a row is missing or its filter unknown, and holds what the filters of the PNG
// specification (ISO/IEC 15948, section 9) make of them. Otherwise the program ends.
void take_picture_input(std::span<const std::uint8_t> bytes);

}  // namespace sotto::data::testing
