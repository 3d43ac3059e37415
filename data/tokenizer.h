#pragma once
// The tokenizer of a model of texts: WordPiece of a published model, or the words or characters of a public list.

#include <sotto/data/plain_tokenizer.h>
#include <sotto/data/wordpiece.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <variant>

namespace sotto::data {

using Tokenizer = std::variant<WordPiece, PlainTokenizer>;

// The errors and limits are those of the tokenizer that it is.
TokenIds encode(const Tokenizer& tokenizer, std::string_view text, std::size_t most_tokens);
std::int32_t vocabulary_size(const Tokenizer& tokenizer);
std::int32_t pad_id(const Tokenizer& tokenizer);

// The file in the folder of a published model that says how its tokenizer works: tokenizer.json, or else vocab.txt.
// Throws DataError when there is neither.
std::filesystem::path tokenizer_file(const std::filesystem::path& folder);
// From such a file, by its name.
WordPiece read_word_piece(const std::filesystem::path& file);

}  // namespace sotto::data
