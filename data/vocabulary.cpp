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
  std::vector<std::string> tokens;
  std::unordered_map<std::string, std::int64_t> seen;
  std::size_t bytes = 0;
  while (auto line = lines.next()) {
    bytes += line->size() + 1;
    if (bytes > kMaxVocabularyBytes || tokens.size() == kMaxVocabularyTokens)
      lines.refuse(fmt::format("too large for a vocabulary; up to {} tokens in {} bytes are allowed",
                               kMaxVocabularyTokens, kMaxVocabularyBytes));
    if (tokens.empty() && line->starts_with("\xEF\xBB\xBF"))
      lines.refuse("a byte-order mark; save the file as UTF-8 without one");
    if (const std::string what = fault(*line); !what.empty()) lines.refuse(what);
    const auto [earlier, fresh] = seen.emplace(*line, lines.number());
    if (!fresh) lines.refuse(fmt::format("the same token as in line {}; each must be there once", earlier->second));
    tokens.push_back(std::move(*line));
  }
  return {std::move(tokens), path.string()};
}

Vocabulary::Vocabulary(std::vector<std::string> tokens, const std::string& where)
    : where_(where), tokens_(std::move(tokens)) {
  if (tokens_.empty() || tokens_.size() > kMaxVocabularyTokens)
    refuse(where, fmt::format("{} tokens; 1 to {} are allowed", tokens_.size(), kMaxVocabularyTokens));
  ids_.reserve(tokens_.size());
  for (std::int32_t id = 0; id < size(); ++id) {
    const std::string& token = tokens_[static_cast<std::size_t>(id)];
    if (const std::string what = fault(token); !what.empty()) refuse(where, fmt::format("token {}: {}", id, what));
    const auto [earlier, fresh] = ids_.emplace(token, id);
    if (!fresh) refuse(where, fmt::format("token {}: the same as token {}; each must be there once", id, earlier->second));
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
