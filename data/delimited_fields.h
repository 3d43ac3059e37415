#pragma once
// The fields of one record of values between tabs, commas or semicolons. Blanks are part of a field.

#include <sotto/data/text_lines.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sotto::data {

// Records with more fields are refused.
inline constexpr std::size_t kMaxFields = 10000;

// Fields between tabs, without any quoting: a " is text. `lines` refuses what is wrong.
std::vector<std::string> tsv_fields(std::string_view line, const TextLines& lines);

// Separated values as in RFC 4180, by commas or another byte: a field in double quotes may hold separators, line breaks
// and, as "", quotes. A line break within quotes is kept as LF.
class CsvRecord {
 public:
  explicit CsvRecord(char separator) : separator_(separator) {}

  // Takes the next line of the record; true when the record ends with it. `lines` refuses a quote within a field that
  // does not begin with one, text after a closing quote, and a record above kMaxLineBytes or kMaxFields.
  bool take(std::string_view line, const TextLines& lines);

  // The fields of the record that ended; the next record begins.
  std::vector<std::string> fields();

 private:
  void add(char byte, const TextLines& lines);
  void end_field(const TextLines& lines);

  char separator_;
  std::vector<std::string> fields_;
  std::string field_;
  std::size_t bytes_ = 0;
  bool in_quotes_ = false;
};

}  // namespace sotto::data
