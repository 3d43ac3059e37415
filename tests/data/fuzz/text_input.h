#pragma once
// Texts with labels and groups out of any bytes, for the fuzzers:
//
//   byte 0     the format: 0 tsv, 1 csv, 2 semicolons, 3 jsonl, 4 lines (modulo 5)
//   byte 1     bits, of what is declared: 1 names of columns, 2 groups, 4 their names end at '_', 8 repeats are left
//   out,
//              16 records with an even number are public tests, which has no place with groups
//   byte 2     the most records of a group, but 1 (modulo 4)
//   the rest   the rule of labels up to the first byte 255, none where it is empty; then the file. Columns are called
//              t, l and g, or are numbers 1, 2 and 3

#include <cstddef>
#include <cstdint>
#include <span>

namespace sotto::data::testing {

// Refused, or the table is what its header promises, and its texts, labels and groups come back from a file that is
// written of them in the same format. Otherwise the program ends.
void take_text_input(std::span<const std::uint8_t> bytes);

}  // namespace sotto::data::testing
