#pragma once
// What BERT's preparation of text takes each code point for.
//
// Encoders were trained on the words that the Hugging Face library `tokenizers` makes, so that its classes are the
// definition here. They are those of Unicode 8: a mark, punctuation or format character that later versions added is an
// ordinary character. Its decompositions and orders of marks are those of Unicode 9. Compared with tokenizers 0.23.3 on
// every code point; the two differ only in letters that got a lower case after Unicode 15, which stay as they are here.

#include <cstdint>
#include <span>

namespace sotto::data {

// U+0000, U+FFFD, control (but tab, LF, CR), format and private-use characters: no part of any word.
bool is_dropped(char32_t c);
// Unicode's White_Space.
bool is_white_space(char32_t c);
// ASCII 33-47, 58-64, 91-96, 123-126 and Unicode's classes P: a word of its own.
bool is_punctuation(char32_t c);
// CJK ideographs, which are set apart like words: U+3400-4DBF, 4E00-9FFF, F900-FAFF, 20000-2A6DF, 2A700-2B81F,
// 2B920-2CEAF, 2F800-2FA1F.
bool is_ideograph(char32_t c);
// Marks without a width of their own (class Mn), such as accents.
bool is_accent(char32_t c);

// Place in the canonical order of marks; 0: not moved.
int combining_class(char32_t c);

// Canonical decomposition, all the way down; the order of marks is left to the caller. Writes to `to`, at least
// kLongestDecomposition long, and returns how many.
inline constexpr std::size_t kLongestDecomposition = 4;
std::size_t decompose(char32_t c, std::span<std::int32_t> to);

// Lower case, of one code point without its neighbours; U+0130 becomes two. Writes to `to`, at least 2 long.
std::size_t lower_case(char32_t c, std::span<std::int32_t> to);

}  // namespace sotto::data
