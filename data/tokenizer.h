#pragma once
// The tokenizer of a model of texts: WordPiece of a published model, or the words or characters of a public list.

#include <sotto/data/plain_tokenizer.h>
#include <sotto/data/wordpiece.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <variant>
#include <vector>

namespace sotto::data {

using Tokenizer = std::variant<WordPiece, PlainTokenizer>;

// The errors and limits are those of the tokenizer that it is.
TokenIds encode(const Tokenizer& tokenizer, std::string_view text, std::size_t most_tokens);
std::int32_t vocabulary_size(const Tokenizer& tokenizer);
std::int32_t pad_id(const Tokenizer& tokenizer);

// The file in the folder of a published model that says how its tokenizer works: tokenizer.json, or else vocab.txt.
// Throws DataError when there is neither.
std::filesystem::path tokenizer_file(const std::filesystem::path& folder);
// What belongs to such a file: itself, and beside vocab.txt tokenizer_config.json, where there is one.
std::vector<std::filesystem::path> tokenizer_files(const std::filesystem::path& file);
// From such a file, by its name; vocab.txt with the settings of tokenizer_config.h, where there are any.
WordPiece read_word_piece(const std::filesystem::path& file);

}  // namespace sotto::data
