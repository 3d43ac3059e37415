#pragma once
// The records of a text file as fields, before any meaning is given to them. Files are plain or gzip.
//
//   tsv         fields between tabs, one record a line, no quoting: a " is text
//   csv         RFC 4180: fields between commas; in double quotes they may hold commas, line breaks (kept as LF) and ""
//   semicolons  the same with semicolons in the place of commas, as spreadsheets write it where a number has a comma
//               (label_rule.h takes numbers with a point alone)
//   jsonl       one JSON object a line; the first wanted field is a string, others also numbers or truths
//               (json_fields.h)
//   lines       one text a line, which is the only field
//
// Lines end in LF or CR LF. A byte-order mark at the begin of the file is read over, and so are empty lines, except in
// the form `lines`, where the reader of texts refuses them. All else must be UTF-8.
//
// Limits, refused above: kMaxLineBytes for a line and for a record, kMaxFields for its fields, kMaxTextFileBytes for
// the unpacked file. Memory: one record.

#include <sotto/data/input_file.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sotto::data {

enum class TextFormat { tsv, csv, semicolons, jsonl, lines };

// The names of the formats that have columns.
inline constexpr const char* kFormatsWithColumns = "tsv, csv, semicolons, jsonl";
// Their format; nothing for another name.
std::optional<TextFormat> format_with_columns(std::string_view name);
// That of the name, or where it is empty, of the file's ending: .tsv, .csv or .jsonl, or these with .gz behind.
std::optional<TextFormat> format_of(std::string_view name, const std::filesystem::path& file);

// Whether a text holds nothing but blanks, which readers of texts refuse as empty.
bool is_blank(std::string_view text);

inline constexpr std::int64_t kMaxTextFileBytes = 1LL << 34;

struct TextLayout {
  TextFormat format = TextFormat::tsv;
  // tsv, csv and semicolons: the first line names the columns, and `columns` are names; otherwise numbers of columns,
  // from 1.
  bool header = true;
  // The wanted fields, at least one, all different; none for the format `lines`.
  std::vector<std::string> columns;
};

class TextRecords {
 public:
  // Throws UsageError for columns that do not fit the format, and the errors of input_file.h. max_bytes is positive.
  TextRecords(const std::filesystem::path& path, TextLayout layout, std::int64_t max_bytes = kMaxTextFileBytes);
  TextRecords(StandardInput source, TextLayout layout, std::int64_t max_bytes = kMaxTextFileBytes);
  ~TextRecords();
  TextRecords(const TextRecords&) = delete;
  TextRecords& operator=(const TextRecords&) = delete;

  // The wanted fields of the next record, in the order of the columns; nothing after the last. Throws DataError, with
  // file and line but never with what a line holds: a header is a record where someone forgot it. Every record has as
  // many fields as the header, or where there is none as the first record.
  std::optional<std::vector<std::string>> next();

  // The line on which the record began that next() gave, from 1.
  std::int64_t line() const;
  // Throws DataError: file, that line, what.
  [[noreturn]] void refuse(const std::string& what) const;

 private:
  struct State;
  template <typename Source>
  static std::unique_ptr<State> open(const Source& source, TextLayout layout, std::int64_t max_bytes);
  std::unique_ptr<State> state_;
};

}  // namespace sotto::data
