#pragma once
// WordPiece: text as the token ids of BERT and its relatives (Devlin et al. 2019; Schuster and Nakajima 2012).
//
// Gives the ids that the Hugging Face library `tokenizers` gives. In this order: added tokens ([CLS], [SEP], ...) that
// stand in the text are themselves; the rest is cut into words (bert_text.h); from each word the longest piece that the
// vocabulary has is taken again and again, all but the first with the prefix ##. A word that cannot be cut up, or is
// longer than 100 code points, is one [UNK].
//
// What a text becomes depends on the vocabulary and on this text, never on another record.

#include <sotto/data/bert_text.h>
#include <sotto/data/piece_trie.h>
#include <sotto/data/token_ids.h>
#include <sotto/data/tokenizer_file.h>
#include <sotto/data/vocabulary.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace sotto::data {

class WordPiece {
 public:
  // From vocab.txt, one token per line. Which settings it was made for the file does not say. Its added tokens are
  // those of BERT: [PAD], [UNK], [CLS], [SEP] and, where it has it, [MASK]. Throws DataError for what Vocabulary
  // refuses, for a token that ends in white space and when one of the first four is missing.
  static WordPiece from_vocabulary(const std::filesystem::path& vocabulary, const BertTextSettings& text = {});
  // From tokenizer.json; throws the errors of tokenizer_file.h, and for the same missing tokens.
  static WordPiece from_tokenizer(const std::filesystem::path& tokenizer);

  explicit WordPiece(TokenizerFile file);

  // [CLS], the tokens of the text, [SEP]: up to `most_tokens` (>= 3, or UsageError) with these two. Throws DataError
  // for a text longer than kMaxTextBytes or not UTF-8, which names a place and nothing of the text. Time is linear in
  // the text (a byte of a word costs at most kMaxTokenBytes steps); may be called by many threads.
  TokenIds encode(std::string_view text, std::size_t most_tokens) const;

  std::int32_t vocabulary_size() const { return vocabulary_.size(); }
  const std::vector<std::string>& tokens() const { return vocabulary_.tokens(); }  // [vocabulary_size]
  // For places behind the end of a text in a batch. The same id can stand in a text that says "[PAD]": what is padding
  // must be known by the length of the text.
  std::int32_t pad_id() const { return pad_; }
  std::int32_t unknown_id() const { return unknown_; }
  std::int32_t cls_id() const { return cls_; }
  std::int32_t sep_id() const { return sep_; }
  const BertTextSettings& text_settings() const { return text_; }

 private:
  void add_words(std::string_view text, std::size_t most, std::vector<std::int32_t>& ids) const;
  void add_pieces(std::string_view word, std::size_t code_points, std::vector<std::int32_t>& ids) const;

  Vocabulary vocabulary_;
  BertTextSettings text_;
  std::int32_t pad_, unknown_, cls_, sep_;
  PieceTrie first_, further_, added_;
};

}  // namespace sotto::data
