#pragma once
// The lines of a text file, plain or gzip, one at a time.

#include <sotto/data/input_file.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace sotto::data {

inline constexpr std::size_t kMaxLineBytes = 1 << 20;

class TextLines {
 public:
  // Throws the errors of input_file.h.
  explicit TextLines(const std::filesystem::path& path);
  explicit TextLines(StandardInput source);
  // The lines of a text that was read from `path` before.
  TextLines(const std::filesystem::path& path, std::string text);
  ~TextLines();
  TextLines(const TextLines&) = delete;
  TextLines& operator=(const TextLines&) = delete;

  // The next line without its end (LF or CR LF); nothing after the last. Throws DataError for a line above
  // kMaxLineBytes or with a zero byte.
  std::optional<std::string> next();

  std::int64_t number() const;  // of the line that next() gave, from 1

  // Throws DataError: file, line, what; the line is that of number(), or the one given.
  [[noreturn]] void refuse(const std::string& what) const;
  [[noreturn]] void refuse(std::int64_t line, const std::string& what) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sotto::data
