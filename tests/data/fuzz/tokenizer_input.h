#pragma once
// Tokenizer files and texts out of any bytes, for the fuzzers:
//
//   byte 0     what the file is: 0 tokenizer.json, 1 vocab.txt, 2 words, 3 characters of a plain vocabulary,
//              4 tokenizer_config.json (modulo 5)
//   byte 1     how many tokens a text may have, but 3; and the settings of the normaliser for a vocab.txt
//   the rest   the file up to the first byte 255, which is in no UTF-8; then the text

#include <cstddef>
#include <cstdint>
#include <span>

namespace sotto::data::testing {

// Refused, or the ids are what their header promises: otherwise the program ends.
void take_tokenizer_input(std::span<const std::uint8_t> bytes);

}  // namespace sotto::data::testing
