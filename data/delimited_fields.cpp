#include <fmt/format.h>
#include <sotto/data/delimited_fields.h>

#include <algorithm>
#include <utility>

namespace sotto::data {
namespace {

void check_count(std::size_t fields, const TextLines& lines) {
  if (fields == kMaxFields) lines.refuse(fmt::format("more than {} fields", kMaxFields));
}

}  // namespace

std::vector<std::string> tsv_fields(std::string_view line, const TextLines& lines) {
  std::vector<std::string> result;
  for (std::size_t begin = 0; begin <= line.size();) {
    check_count(result.size(), lines);
    const std::size_t end = std::min(line.find('\t', begin), line.size());
    result.emplace_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  return result;
}

void CsvRecord::add(char byte, const TextLines& lines) {
  if (bytes_++ == kMaxLineBytes) lines.refuse(fmt::format("a record longer than {} bytes", kMaxLineBytes));
  field_ += byte;
}

void CsvRecord::end_field(const TextLines& lines) {
  check_count(fields_.size(), lines);
  fields_.push_back(std::exchange(field_, {}));
}

bool CsvRecord::take(std::string_view line, const TextLines& lines) {
  if (in_quotes_) add('\n', lines);
  bool begins = !in_quotes_;
  for (std::size_t at = 0; at < line.size(); ++at) {
    const char byte = line[at];
    if (in_quotes_) {
      if (byte != '"') {
        add(byte, lines);
      } else if (at + 1 < line.size() && line[at + 1] == '"') {
        add(line[++at], lines);
      } else {
        in_quotes_ = false;
        if (at + 1 < line.size() && line[at + 1] != separator_)
          lines.refuse(fmt::format("text follows the closing quote of field {}", fields_.size() + 1));
      }
    } else if (byte == separator_) {
      end_field(lines);
      begins = true;
      continue;
    } else if (byte == '"') {
      if (!begins)
        lines.refuse(fmt::format("a quote within field {}, which does not begin with one", fields_.size() + 1));
      in_quotes_ = true;
    } else {
      add(byte, lines);
    }
    begins = false;
  }
  if (in_quotes_) return false;
  end_field(lines);
  return true;
}

std::vector<std::string> CsvRecord::fields() {
  bytes_ = 0;
  return std::exchange(fields_, {});
}

}  // namespace sotto::data
