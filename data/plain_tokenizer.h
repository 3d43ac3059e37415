#pragma once
// Token ids for models that are trained from scratch: the words of a text or its characters, looked up in a public list
// (vocabulary.h) that the user gives. Nothing is done to the text; what is not in the list is [UNK].
//
// The list is never made from the records that are trained on, and no function here makes one: which words occur in
// them is private. Take a list that is public: a dictionary, the vocabulary of a published model, an alphabet.

#include <sotto/data/token_ids.h>
#include <sotto/data/vocabulary.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace sotto::data {

class PlainTokenizer {
 public:
  enum class Unit {
    words,       // between Unicode's white space
    characters,  // code points, white space included
  };

  // One token per line, among them [PAD] and [UNK]; these two stand for themselves and never for a word of a text.
  // Throws DataError for what Vocabulary refuses, and for a token that can never occur: a word with white space in it,
  // or more than one character.
  static PlainTokenizer from_vocabulary(const std::filesystem::path& vocabulary, Unit unit);

  PlainTokenizer(Vocabulary vocabulary, Unit unit);

  // The first `most_tokens` (>= 1, or UsageError) tokens, none for an empty text. Throws DataError for a text longer
  // than kMaxTextBytes or not UTF-8, which names a place and nothing of the text. Linear; may be called by many
  // threads.
  TokenIds encode(std::string_view text, std::size_t most_tokens) const;

  std::int32_t vocabulary_size() const { return vocabulary_.size(); }
  const std::vector<std::string>& tokens() const { return vocabulary_.tokens(); }  // [vocabulary_size]
  std::int32_t pad_id() const { return pad_; }  // of places behind the end of a text in a batch; in no text
  std::int32_t unknown_id() const { return unknown_; }
  Unit unit() const { return unit_; }

 private:
  std::int32_t id_of(std::string_view token) const;

  Vocabulary vocabulary_;
  Unit unit_;
  std::int32_t pad_, unknown_;
};

}  // namespace sotto::data
