#include "tokenizer_input.h"

#include <sotto/data/plain_tokenizer.h>
#include <sotto/data/tokenizer_config.h>
#include <sotto/data/wordpiece.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cstdlib>
#include <string>

namespace sotto::data::testing {
namespace {

constexpr const char* kSmallVocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##a\ne\n\u00E9\n\u4E00\n";

void check(bool promise) {
  if (!promise) std::abort();
}

void check_ids(const TokenIds& result, std::size_t most, std::int32_t vocabulary_size) {
  check(result.ids.size() <= most);
  check(!result.truncated || result.ids.size() == most);
  check(std::ranges::all_of(result.ids, [&](std::int32_t id) { return id >= 0 && id < vocabulary_size; }));
}

void take_pieces(const WordPiece& pieces, const std::string& text, std::size_t most) {
  const TokenIds result = pieces.encode(text, most);
  check_ids(result, most, pieces.vocabulary_size());
  check(result.ids.front() == pieces.cls_id() && result.ids.back() == pieces.sep_id());
  TokenIds whole = pieces.encode(text, text.size() + 3);
  check(!whole.truncated || text.size() < most);
  if (whole.ids.size() <= most) return check(result == whole);
  whole.ids.resize(most - 1);
  check(result.truncated && std::equal(whole.ids.begin(), whole.ids.end(), result.ids.begin()));
}

WordPiece pieces_of(const std::string& file, const BertTextSettings& settings) {
  TokenizerFile made{.vocabulary = Vocabulary::parse("vocab.txt", file), .text = settings, .added = {}};
  if (const auto mask = made.vocabulary.find("[MASK]")) made.added.push_back(*mask);
  return WordPiece(std::move(made));
}

BertTextSettings settings_of(unsigned flags) {
  BertTextSettings made;
  made.clean_text = (flags & 1) == 0;
  made.handle_chinese_chars = (flags & 2) == 0;
  made.lowercase = (flags & 4) == 0;
  if ((flags & 8) != 0) made.strip_accents = (flags & 16) != 0;
  return made;
}

}  // namespace

void take_tokenizer_input(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < 2) return;
  const unsigned kind = bytes[0] % 5, flags = bytes[1];
  const std::size_t most = 3 + flags % 64;
  const auto rest = bytes.subspan(2);
  const auto cut = std::ranges::find(rest, 255);
  const std::string file(rest.begin(), cut);
  const std::string text(cut == rest.end() ? cut : cut + 1, rest.end());
  try {
    if (kind == 0) {
      take_pieces(WordPiece(parse_tokenizer_file("tokenizer.json", file)), text, most);
    } else if (kind == 1) {
      take_pieces(pieces_of(file, settings_of(flags)), text, most);
    } else if (kind == 4) {
      take_pieces(pieces_of(kSmallVocabulary, parse_tokenizer_config("tokenizer_config.json", file)), text, most);
    } else {
      const PlainTokenizer plain(Vocabulary::parse("vocab.txt", file),
                                 kind == 2 ? PlainTokenizer::Unit::words : PlainTokenizer::Unit::characters);
      const TokenIds result = plain.encode(text, most);
      check_ids(result, most, plain.vocabulary_size());
      check(std::ranges::count(result.ids, plain.pad_id()) == 0);
    }
  } catch (const DataError&) {
  }
}

}  // namespace sotto::data::testing
