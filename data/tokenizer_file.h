#pragma once
// The file tokenizer.json of a WordPiece model of the Hugging Face library `tokenizers`.
//
// Honoured: the model's vocabulary, the four settings of its BertNormalizer, and its added tokens.
// Has to be as for BERT: the splitter BertPreTokenizer, the model's unk_token "[UNK]", continuing_subword_prefix "##"
// and max_input_chars_per_word 100, and a post_processor that puts [CLS] before and [SEP] behind a single text. Not
// used: truncation and padding, which are the caller's, `decoder`, and what the post_processor says of pairs. Anything
// else that the file declares is refused by name.

#include <sotto/data/bert_text.h>
#include <sotto/data/vocabulary.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace sotto::data {

struct TokenizerFile {
  Vocabulary vocabulary;
  BertTextSettings text;
  std::vector<std::int32_t> added;  // ids of tokens that are looked for in the text before anything is done to it
};

// Reads a file of up to kMaxVocabularyBytes, plain or gzip. Throws DataError that names the key, and the errors of
// input_file.h.
TokenizerFile read_tokenizer_file(const std::filesystem::path& path);
// The text of a file that was read from `path` before.
TokenizerFile parse_tokenizer_file(const std::filesystem::path& path, const std::string& text);

}  // namespace sotto::data
