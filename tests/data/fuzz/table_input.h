#pragma once
// Schemas and tables out of any bytes, for the fuzzers: the schema up to the first byte 255, then the table.

#include <cstddef>
#include <cstdint>
#include <span>

namespace sotto::data::testing {

// Refused, or the schema comes back when it is written, and the table is what it promises: a record for each of its
// lines, one-hot categories, scaled numbers, and twice the records where its lines stand twice. Otherwise the program
// ends.
void take_table_input(std::span<const std::uint8_t> bytes);

}  // namespace sotto::data::testing
