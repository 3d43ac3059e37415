#include <fmt/format.h>
#include <sotto/data/bert_characters.h>
#include <sotto/data/code_points.h>
#include <sotto/data/wordpiece.h>
#include <sotto/privacy/error.h>

#include <utility>

namespace sotto::data {
namespace {

constexpr std::string_view kFurther = "##";
constexpr std::size_t kLongestWord = 100;

bool ends_in_white_space(const std::string& token) {
  std::size_t last = token.size() - 1;
  while ((static_cast<std::uint8_t>(token[last]) & 0xC0) == 0x80) --last;
  return is_white_space(next_code_point(token, last));
}

}  // namespace

WordPiece WordPiece::from_vocabulary(const std::filesystem::path& vocabulary, const BertTextSettings& text) {
  TokenizerFile file{.vocabulary = Vocabulary::read(vocabulary), .text = text, .added = {}};
  std::size_t line = 0;
  for (const std::string& token : file.vocabulary.tokens()) {
    ++line;
    if (ends_in_white_space(token))
      throw DataError(fmt::format("[WordPiece] {}: line {}: white space at the end of a token, which no word ends in",
                                  vocabulary.string(), line));
  }
  for (const char* name : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"})
    if (const auto id = file.vocabulary.find(name)) file.added.push_back(*id);
  return WordPiece(std::move(file));
}

WordPiece WordPiece::from_tokenizer(const std::filesystem::path& tokenizer) {
  return WordPiece(read_tokenizer_file(tokenizer));
}

WordPiece::WordPiece(TokenizerFile file)
    : vocabulary_(std::move(file.vocabulary)),
      text_(file.text),
      pad_(vocabulary_.need("[PAD]")),
      unknown_(vocabulary_.need("[UNK]")),
      cls_(vocabulary_.need("[CLS]")),
      sep_(vocabulary_.need("[SEP]")) {
  for (std::int32_t id = 0; id < vocabulary_.size(); ++id) {
    const std::string_view token = vocabulary_.tokens()[static_cast<std::size_t>(id)];
    const bool further = token.starts_with(kFurther) && token != kFurther;
    (further ? further_ : first_).add(further ? token.substr(kFurther.size()) : token, id);
  }
  for (const std::int32_t id : file.added) added_.add(vocabulary_.tokens().at(static_cast<std::size_t>(id)), id);
}

void WordPiece::add_pieces(std::string_view word, std::size_t code_points, std::vector<std::int32_t>& ids) const {
  const std::size_t before = ids.size();
  for (std::size_t at = 0; at < word.size();) {
    const auto piece =
        code_points > kLongestWord ? PieceTrie::Match{} : (at == 0 ? first_ : further_).longest(word.substr(at));
    if (piece.length == 0) {
      ids.resize(before);
      ids.push_back(unknown_);
      return;
    }
    ids.push_back(piece.id);
    at += piece.length;
  }
}

void WordPiece::add_words(std::string_view text, std::size_t most, std::vector<std::int32_t>& ids) const {
  if (text.empty()) return;
  for_each_bert_word(text, text_, [&](std::string_view word, std::size_t code_points) {
    add_pieces(word, code_points, ids);
    return ids.size() <= most;
  });
}

TokenIds WordPiece::encode(std::string_view text, std::size_t most_tokens) const {
  if (most_tokens < 3)
    throw UsageError(
        fmt::format("[WordPiece::encode] most_tokens {}; must be at least 3: [CLS], one token, [SEP]", most_tokens));
  check_text("WordPiece::encode", text);

  const std::size_t most = most_tokens - 1;  // without [SEP]
  TokenIds result;
  std::vector<std::int32_t>& ids = result.ids;
  ids.push_back(cls_);
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size() && ids.size() <= most;) {
    const PieceTrie::Match added = added_.longest(text.substr(at));
    if (added.length == 0) {
      ++at;
      continue;
    }
    add_words(text.substr(begin, at - begin), most, ids);
    ids.push_back(added.id);
    begin = at += added.length;
  }
  if (ids.size() <= most) add_words(text.substr(begin), most, ids);
  result.truncated = ids.size() > most;
  if (result.truncated) ids.resize(most);
  ids.push_back(sep_);
  return result;
}

}  // namespace sotto::data
