#pragma once
// tokenizer_config.json, which lies beside vocab.txt in a folder of Hugging Face's BERT tokenizer and says how texts
// are made ready for the vocabulary.
//
//   do_lower_case           true or false        BertTextSettings::lowercase
//   strip_accents           true, false or null  BertTextSettings::strip_accents
//   tokenize_chinese_chars  true or false        BertTextSettings::handle_chinese_chars
//
// A setting that is not there has its default of bert_text.h, which is Hugging Face's. Has to be as for BERT where it
// is there: tokenizer_class, do_basic_tokenize, never_split, the names of [UNK], [SEP], [PAD], [CLS] and [MASK], and
// added tokens, which are these five. Names, lengths, the side of padding and settings of decoding are read over.
// Anything else is refused by name, unless it is null, false or empty.

#include <sotto/data/bert_text.h>

#include <filesystem>
#include <string>

namespace sotto::data {

inline constexpr const char* kTokenizerConfig = "tokenizer_config.json";

// Above this a file is refused unread.
inline constexpr std::uintmax_t kMaxTokenizerConfigBytes = 1 << 20;

// Throws DataError that names file and key.
BertTextSettings read_tokenizer_config(const std::filesystem::path& path);
// Beside a tokenizer.json, which says all that is needed, the file must not say another thing of the same: Python's
// AutoTokenizer would follow it. Throws DataError; reads over all other settings.
void require_same_text(const std::filesystem::path& path, const BertTextSettings& of_tokenizer);

// The text of a file that was read from `path` before.
BertTextSettings parse_tokenizer_config(const std::filesystem::path& path, const std::string& text);

}  // namespace sotto::data
