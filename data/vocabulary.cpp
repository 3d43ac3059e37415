#include <fmt/format.h>
#include <sotto/data/text_lines.h>
#include <sotto/data/utf8.h>
#include <sotto/data/vocabulary.h>
#include <sotto/privacy/error.h>

#include <utility>

namespace sotto::data {
namespace {

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw DataError(fmt::format("[Vocabulary] {}: {}", where, what));
}

// What is wrong with a token on its own; empty: nothing.
std::string fault(const std::string& token) {
  if (token.empty()) return "an empty token; each must be a text";
  if (token.size() > kMaxTokenBytes) return fmt::format("a token longer than {} bytes", kMaxTokenBytes);
  if (const auto at = first_invalid_utf8(token)) return fmt::format("not UTF-8 at byte {} of the token", *at);
  return "";
}

}  // namespace

Vocabulary Vocabulary::read(const std::filesystem::path& path) {
  TextLines lines(path);
  return from(lines, path);
}

Vocabulary Vocabulary::parse(const std::filesystem::path& path, std::string text) {
  TextLines lines(path, std::move(text));
  return from(lines, path);
}

Vocabulary Vocabulary::from(TextLines& lines, const std::filesystem::path& path) {
  std::vector<std::string> tokens;
  std::size_t bytes = 0;
  while (auto line = lines.next()) {
    bytes += line->size() + 1;
    if (bytes > kMaxVocabularyBytes || tokens.size() == kMaxVocabularyTokens)
      lines.refuse(fmt::format("too large for a vocabulary; up to {} tokens in {} bytes are allowed",
                               kMaxVocabularyTokens, kMaxVocabularyBytes));
    if (tokens.empty() && line->starts_with("\xEF\xBB\xBF"))
      lines.refuse("a byte-order mark; save the file as UTF-8 without one");
    tokens.push_back(std::move(*line));
  }
  return {std::move(tokens), path.string(), "line", 1};
}

Vocabulary::Vocabulary(std::vector<std::string> tokens, const std::string& where)
    : Vocabulary(std::move(tokens), where, "token", 0) {}

Vocabulary::Vocabulary(std::vector<std::string> tokens, const std::string& where, const char* place, std::int32_t first)
    : where_(where), tokens_(std::move(tokens)) {
  if (tokens_.empty() || tokens_.size() > kMaxVocabularyTokens)
    refuse(where, fmt::format("{} tokens; 1 to {} are allowed", tokens_.size(), kMaxVocabularyTokens));
  ids_.reserve(tokens_.size());
  for (std::int32_t id = 0; id < size(); ++id) {
    const std::string& token = tokens_[static_cast<std::size_t>(id)];
    std::string what = fault(token);
    const auto [earlier, fresh] = ids_.emplace(token, id);
    if (what.empty() && !fresh)
      what = fmt::format("the same token as in {} {}; each must be there once", place, earlier->second + first);
    if (!what.empty()) refuse(where, fmt::format("{} {}: {}", place, id + first, what));
  }
}

std::optional<std::int32_t> Vocabulary::find(const std::string& token) const {
  const auto found = ids_.find(token);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

std::int32_t Vocabulary::need(const std::string& token) const {
  if (const auto id = find(token)) return *id;
  refuse(where_, fmt::format("no token {}; it is needed", token));
}

}  // namespace sotto::data
