#pragma once
// IDX files out of any bytes, for the fuzzers:
//
//   byte 0     what reads them: 0 bytes, 1 integers, 2 pictures with labels (modulo 3); from 128 on the file is packed
//              by gzip before it is read
//   bytes 1-2  of pictures: how many of the rest are the file of pictures; the others are that of labels
//   the rest   the file
//
// A file that is gzip already is read as well.

#include <cstddef>
#include <cstdint>
#include <span>

namespace sotto::data::testing {

// Refused, or what was read, written as the format has it, is the file; packed by gzip it is read alike. Otherwise the
// program ends.
void take_idx_input(std::span<const std::uint8_t> bytes);

}  // namespace sotto::data::testing
