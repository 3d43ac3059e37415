#pragma once
// Text as the words that BERT and its relatives were trained on: what the normaliser BertNormalizer and the splitter
// BertPreTokenizer of the Hugging Face library `tokenizers` make of it. In this order:
//   clean_text            drops what is no character (bert_characters.h); it makes white space blanks, too, which the
//                         splitter below would not notice
//   handle_chinese_chars  sets each CJK ideograph apart
//   strip_accents         decomposes (Unicode NFD) and drops accents
//   lowercase             each code point by itself
// and then splits at white space; each punctuation character is a word of its own.

#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>

namespace sotto::data {

// As in the files tokenizer.json of Hugging Face. The defaults are those of the uncased encoders.
struct BertTextSettings {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  std::optional<bool> strip_accents = std::nullopt;  // not set: as lowercase
  bool lowercase = true;

  bool strips_accents() const { return strip_accents.value_or(lowercase); }
  bool operator==(const BertTextSettings&) const = default;
};

// Calls `word` with each word in order, never with an empty one, and the number of its code points; ends early when it
// answers false. The text is UTF-8 (utf8.h). Time is linear in the text, but for n log n in runs of marks that are no
// accents; memory is that of the longest word.
void for_each_bert_word(std::string_view text, const BertTextSettings& settings,
                        const std::function<bool(std::string_view word, std::size_t code_points)>& word);

}  // namespace sotto::data
