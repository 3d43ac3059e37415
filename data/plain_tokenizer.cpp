#include <fmt/format.h>
#include <sotto/data/bert_characters.h>
#include <sotto/data/code_points.h>
#include <sotto/data/plain_tokenizer.h>
#include <sotto/privacy/error.h>

#include <utility>

namespace sotto::data {
namespace {

// The next token at `at` or behind it, which is moved behind the token; empty after the last.
std::string_view next_token(std::string_view text, PlainTokenizer::Unit unit, std::size_t& at) {
  std::size_t begin = at;
  if (unit == PlainTokenizer::Unit::characters) {
    if (at < text.size()) next_code_point(text, at);
    return text.substr(begin, at - begin);
  }
  while (at < text.size()) {
    const std::size_t here = at;
    if (!is_white_space(next_code_point(text, at))) continue;
    if (here > begin) return text.substr(begin, here - begin);
    begin = at;
  }
  return text.substr(begin);
}

}  // namespace

PlainTokenizer PlainTokenizer::from_vocabulary(const std::filesystem::path& vocabulary, Unit unit) {
  return {Vocabulary::read(vocabulary), unit};
}

PlainTokenizer::PlainTokenizer(Vocabulary vocabulary, Unit unit)
    : vocabulary_(std::move(vocabulary)),
      unit_(unit),
      pad_(vocabulary_.need("[PAD]")),
      unknown_(vocabulary_.need("[UNK]")) {
  for (std::int32_t id = 0; id < vocabulary_.size(); ++id) {
    const std::string_view token = tokens()[static_cast<std::size_t>(id)];
    std::size_t end = 0;
    if (id != pad_ && id != unknown_ && next_token(token, unit, end) != token)
      throw DataError(fmt::format("[PlainTokenizer] token {} (from 0) is not {}; it could never occur", id,
                                  unit == Unit::words ? "one word without white space" : "one character"));
  }
}

std::int32_t PlainTokenizer::id_of(std::string_view token) const {
  const auto id = vocabulary_.find(std::string(token));
  return id && *id != pad_ ? *id : unknown_;
}

TokenIds PlainTokenizer::encode(std::string_view text, std::size_t most_tokens) const {
  if (most_tokens < 1) throw UsageError("[PlainTokenizer::encode] most_tokens 0; must be at least 1");
  check_text("PlainTokenizer::encode", text);
  TokenIds result;
  for (std::size_t at = 0;;) {
    const std::string_view token = next_token(text, unit_, at);
    if (token.empty()) return result;
    if (result.ids.size() == most_tokens) {
      result.truncated = true;
      return result;
    }
    result.ids.push_back(id_of(token));
  }
}

}  // namespace sotto::data
