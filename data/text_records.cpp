#include <fmt/format.h>
#include <sotto/data/delimited_fields.h>
#include <sotto/data/json_fields.h>
#include <sotto/data/text_lines.h>
#include <sotto/data/text_records.h>
#include <sotto/data/utf8.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

namespace sotto::data {
namespace {

bool is_delimited(TextFormat format) {
  return format == TextFormat::tsv || format == TextFormat::csv || format == TextFormat::semicolons;
}

std::optional<TextFormat> format_of_ending(const std::filesystem::path& file) {
  const std::filesystem::path path = file.extension() == ".gz" ? file.stem() : file.filename();
  const std::string ending = path.extension().string();
  for (const char* known : {"tsv", "csv", "jsonl"})
    if (ending == std::string(".") + known) return format_with_columns(known);
  return std::nullopt;
}

// The place, from 0, of a column that is told by its number.
std::size_t numbered_place(const std::string& column) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(column.data(), column.data() + column.size(), number);
  if (error != std::errc() || end != column.data() + column.size() || column.starts_with('0') || number > kMaxFields)
    throw UsageError(fmt::format(
        "[TextRecords] column '{}': without a header columns are told by their number, 1 to {}", column, kMaxFields));
  return number - 1;
}

void check_columns(const TextLayout& layout) {
  const std::vector<std::string>& columns = layout.columns;
  if (layout.format == TextFormat::lines) {
    if (!columns.empty()) throw UsageError("[TextRecords] a file of one text a line has no columns to choose from");
    return;
  }
  if (columns.empty()) throw UsageError("[TextRecords] no column is named");
  if (std::set<std::string>(columns.begin(), columns.end()).size() != columns.size() ||
      std::ranges::find(columns, "") != columns.end())
    throw UsageError("[TextRecords] a column is named twice or has no name; every use needs a column of its own");
}

}  // namespace

struct TextRecords::State {
  TextLines lines;
  TextLayout layout;
  std::int64_t max_bytes;
  std::int64_t bytes = 0;
  std::int64_t begin = 0;           // the line on which the record began
  std::vector<std::size_t> places;  // of the wanted fields
  std::size_t width = 0;            // fields of a record; 0 before it is known
  CsvRecord csv;

  std::optional<std::string> next_line() {
    auto line = lines.next();
    if (!line) return line;
    if (lines.number() == 1 && line->starts_with(kByteOrderMark)) line->erase(0, kByteOrderMark.size());
    bytes += static_cast<std::int64_t>(line->size()) + 1;
    if (bytes > max_bytes) lines.refuse(fmt::format("the file is longer than the limit of {} bytes", max_bytes));
    if (const auto wrong = first_invalid_utf8(*line))
      lines.refuse(fmt::format("not UTF-8 from byte {} of the line on; iconv converts other encodings", *wrong + 1));
    return line;
  }

  // The first line of the next record.
  std::optional<std::string> first_line() {
    auto line = next_line();
    while (line && line->empty() && layout.format != TextFormat::lines) line = next_line();
    begin = lines.number();
    return line;
  }

  std::optional<std::vector<std::string>> delimited() {
    auto line = first_line();
    if (!line) return std::nullopt;
    if (layout.format == TextFormat::tsv) return tsv_fields(*line, lines);
    while (!csv.take(*line, lines)) {
      line = next_line();
      if (!line) lines.refuse(begin, "a field in quotes that begins in this record does not end");
    }
    return csv.fields();
  }

  void read_header() {
    const auto names = delimited();
    if (!names) lines.refuse(1, "there is no header line");
    width = names->size();
    for (const std::string& column : layout.columns) {
      const auto found = std::ranges::find(*names, column);
      if (found == names->end())
        lines.refuse(
            begin,
            fmt::format("the header names {} columns, and none of them '{}'{}", width, column,
                        width > 1 ? ", with capital letters as they are"
                                  : "; fields stand between commas in csv, tabs in tsv, semicolons in semicolons: "
                                    "is the format another than the ending of the file says?"));
      if (std::ranges::count(*names, column) > 1)
        lines.refuse(begin, fmt::format("the header names '{}' twice", column));
      places.push_back(static_cast<std::size_t>(found - names->begin()));
    }
  }

  void check_width(std::size_t fields) {
    if (width == 0) {
      width = fields;
      for (std::size_t w = 0; w < places.size(); ++w)
        if (places[w] >= width)
          lines.refuse(begin, fmt::format("{} fields, so that there is no column {}", width, layout.columns[w]));
    }
    if (fields != width) lines.refuse(begin, fmt::format("{} fields where {} are needed", fields, width));
  }

  std::optional<std::vector<std::string>> next() {
    if (!is_delimited(layout.format)) {
      auto line = first_line();
      if (!line) return std::nullopt;
      if (layout.format == TextFormat::jsonl) return json_fields(*line, layout.columns, lines);
      return std::vector<std::string>{std::move(*line)};
    }
    auto fields = delimited();
    if (!fields) return std::nullopt;
    check_width(fields->size());
    std::vector<std::string> result;
    for (const std::size_t place : places) result.push_back(std::move((*fields)[place]));
    return result;
  }
};

std::optional<TextFormat> format_with_columns(std::string_view name) {
  if (name == "tsv") return TextFormat::tsv;
  if (name == "csv") return TextFormat::csv;
  if (name == "semicolons") return TextFormat::semicolons;
  if (name == "jsonl") return TextFormat::jsonl;
  return std::nullopt;
}

std::optional<TextFormat> format_of(std::string_view name, const std::filesystem::path& file) {
  return name.empty() ? format_of_ending(file) : format_with_columns(name);
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos;
}

template <typename Source>
std::unique_ptr<TextRecords::State> TextRecords::open(const Source& source, TextLayout layout, std::int64_t max_bytes) {
  check_columns(layout);
  if (max_bytes < 1) throw UsageError(fmt::format("[TextRecords] max_bytes: {}; must be positive", max_bytes));
  std::vector<std::size_t> places;
  const bool delimited = is_delimited(layout.format);
  const char separator = layout.format == TextFormat::semicolons ? ';' : ',';
  if (delimited && !layout.header)
    for (const std::string& column : layout.columns) places.push_back(numbered_place(column));
  std::unique_ptr<State> state(new State{.lines = TextLines(source),
                                         .layout = std::move(layout),
                                         .max_bytes = max_bytes,
                                         .places = std::move(places),
                                         .csv = CsvRecord(separator)});
  if (delimited && state->layout.header) state->read_header();
  return state;
}

TextRecords::TextRecords(const std::filesystem::path& path, TextLayout layout, std::int64_t max_bytes)
    : state_(open(path, std::move(layout), max_bytes)) {}
TextRecords::TextRecords(StandardInput source, TextLayout layout, std::int64_t max_bytes)
    : state_(open(source, std::move(layout), max_bytes)) {}
TextRecords::~TextRecords() = default;

std::optional<std::vector<std::string>> TextRecords::next() {
  return state_->next();
}

std::int64_t TextRecords::line() const {
  return state_->begin;
}

void TextRecords::refuse(const std::string& what) const {
  state_->lines.refuse(state_->begin, what);
}

}  // namespace sotto::data
