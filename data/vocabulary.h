#pragma once
// The public list of tokens that a model knows; the place in the list, from 0, is a token's id.
//
// A list is always given: by a file that is public, such as that of a pretrained model, or written by hand. There is no
// function that makes one out of records, and none belongs here: which words occur in private records is private, a
// list of them would leave in every model trained with it, and no noise has been added to it.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sotto::data {

class TextLines;

inline constexpr std::size_t kMaxVocabularyBytes = 8 << 20;  // of a file, unpacked
inline constexpr std::size_t kMaxVocabularyTokens = 1 << 20;
inline constexpr std::size_t kMaxTokenBytes = 512;

class Vocabulary {
 public:
  // One token per line, UTF-8, plain or gzip. Throws DataError naming the line for an empty line, a token that was
  // there before, text that is not UTF-8 or begins with a byte-order mark, and what is above the limits; for a file
  // without a line; and the errors of input_file.h.
  static Vocabulary read(const std::filesystem::path& path);
  // The text of a file that was read from `path` before.
  static Vocabulary parse(const std::filesystem::path& path, std::string text);

  // The same refusals, of `where`, naming the id.
  Vocabulary(std::vector<std::string> tokens, const std::string& where);

  std::int32_t size() const { return static_cast<std::int32_t>(tokens_.size()); }
  const std::vector<std::string>& tokens() const { return tokens_; }
  std::optional<std::int32_t> find(const std::string& token) const;
  // Throws DataError that names the token and where the list came from.
  std::int32_t need(const std::string& token) const;

 private:
  static Vocabulary from(TextLines& lines, const std::filesystem::path& path);
  // `place` is what the message calls the token with id 0 and `first` its number there.
  Vocabulary(std::vector<std::string> tokens, const std::string& where, const char* place, std::int32_t first);

  std::string where_;
  std::vector<std::string> tokens_;
  std::unordered_map<std::string, std::int32_t> ids_;
};

}  // namespace sotto::data
