// Reads texts, a line of hexadecimal digits for the bytes of each, and writes their ids: what compare_tokenizers.py
// compares with another library.
//
//   tokenize_lines tokenizer.json < LINES          WordPiece with the file's settings
//   tokenize_lines vocab.txt FLAGS < LINES          with the settings clean_text, handle_chinese_chars, strip_accents,
//                                                 lowercase: each 1, 0 or, strip_accents alone, -

#include <sotto/data/wordpiece.h>

#include <charconv>
#include <cstdio>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>

namespace {

std::string bytes_of(const std::string& digits) {
  std::string bytes;
  for (std::size_t at = 0; at + 1 < digits.size(); at += 2) {
    unsigned value = 0;
    if (std::from_chars(&digits[at], &digits[at] + 2, value, 16).ptr != &digits[at] + 2)
      throw std::runtime_error("a line is not hexadecimal");
    bytes += static_cast<char>(value);
  }
  return bytes;
}

sotto::data::WordPiece tokenizer(int count, char** arguments) {
  using sotto::data::WordPiece;
  if (count == 2) return WordPiece::from_tokenizer(arguments[1]);
  const std::string flags = arguments[2];
  sotto::data::BertTextSettings settings{.clean_text = flags.at(0) == '1',
                                         .handle_chinese_chars = flags.at(1) == '1',
                                         .strip_accents = flags.at(2) == '1',
                                         .lowercase = flags.at(3) == '1'};
  if (flags[2] == '-') settings.strip_accents.reset();
  return WordPiece::from_vocabulary(arguments[1], settings);
}

}  // namespace

int main(int count, char** arguments) try {
  if (count != 2 && count != 3) throw std::runtime_error("needs a file, and settings for a vocab.txt");
  const sotto::data::WordPiece pieces = tokenizer(count, arguments);
  for (std::string line; std::getline(std::cin, line);) {
    for (const std::int32_t id : pieces.encode(bytes_of(line), 1 << 20).ids) std::printf("%d ", id);
    std::printf("\n");
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "tokenize_lines: %s\n", error.what());
  return 1;
}
