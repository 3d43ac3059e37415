#include <fmt/format.h>
#include <sotto/data/classes.h>
#include <sotto/data/csv_table.h>
#include <sotto/data/text_lines.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <set>

namespace sotto::data {
namespace {

constexpr std::size_t kMaxColumns = 10000, kMaxValues = 100000;

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

// The first word, which is taken off `text`.
std::string take_word(std::string& text) {
  const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
  std::string word = text.substr(0, end);
  text = trimmed(text.substr(end));
  return word;
}

double number(const std::string& text, const TextLines& lines) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    lines.refuse(fmt::format("'{}' is not a number", text));
  return value;
}

std::vector<std::string> values(const std::string& text, const TextLines& lines) {
  std::vector<std::string> result;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    result.push_back(trimmed(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  if (std::set<std::string>(result.begin(), result.end()).size() != result.size()) lines.refuse("a value is repeated");
  if (std::ranges::find(result, "") != result.end()) lines.refuse("a value is empty");
  if (result.size() > kMaxValues) lines.refuse(fmt::format("more than {} values", kMaxValues));
  return result;
}

TableColumn column(const std::string& line, const TextLines& lines) {
  const std::size_t colon = line.find(':');
  if (colon == std::string::npos) lines.refuse("no colon; a line is NAME: number|category|label|ignore ...");
  TableColumn result;
  result.name = trimmed(line.substr(0, colon));
  if (result.name.empty()) lines.refuse("the column has no name");
  std::string rest = trimmed(line.substr(colon + 1));
  const std::string kind = take_word(rest);
  if (kind == "number") {
    result.kind = TableColumn::Kind::number;
    result.low = number(take_word(rest), lines);
    result.high = number(take_word(rest), lines);
    if (!(result.low < result.high) || !std::isfinite(result.high - result.low) || !rest.empty())
      lines.refuse("number needs two bounds, the lower one first, and nothing else");
  } else if (kind == "category" || kind == "label") {
    result.kind = kind == "label" ? TableColumn::Kind::label : TableColumn::Kind::category;
    result.values = values(rest, lines);
    if (kind == "label" && !are_class_names(result.values))
      lines.refuse(fmt::format("{} labels; {} to {} are allowed", result.values.size(), kMinClasses, kMaxClasses));
  } else if (kind != "ignore" || !rest.empty()) {
    lines.refuse(fmt::format("'{}'; allowed are number LOW HIGH, category A, B, label A, B and ignore", kind));
  }
  return result;
}

void directive(std::string line, TableSchema& schema, const TextLines& lines) {
  const std::string name = take_word(line);
  if (name == "@header" && line.empty()) {
    schema.header = true;
    return;
  }
  std::string* member = name == "@missing"        ? &schema.missing
                        : name == "@comment"      ? &schema.comment
                        : name == "@optional-end" ? &schema.optional_end
                                                  : nullptr;
  if (member == nullptr || line.empty() || !member->empty())
    lines.refuse(fmt::format("'{} {}'; allowed once each are @missing TEXT, @comment TEXT, @optional-end TEXT, @header",
                             name, line));
  *member = line;
}

std::string content(const std::filesystem::path& path) {
  const auto refuse = [&](const std::string& what) {
    throw DataError(fmt::format("[read_table_schema] {}: {}", path.string(), what));
  };
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) refuse("is no file that can be read");
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) refuse("cannot be read: " + error.message());
  if (size > kMaxSchemaBytes) refuse(fmt::format("{} bytes; up to {} are allowed", size, kMaxSchemaBytes));
  std::string text(size, '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file.read(text.data(), static_cast<std::streamsize>(size))) refuse("cannot be read; check its permissions");
  return text;
}

}  // namespace

std::int64_t TableSchema::features() const {
  std::int64_t total = 0;
  for (const TableColumn& c : columns) {
    if (c.kind == TableColumn::Kind::number) ++total;
    if (c.kind == TableColumn::Kind::category) total += static_cast<std::int64_t>(c.values.size());
  }
  return total;
}

std::vector<std::string> TableSchema::class_names() const {
  const auto label = std::ranges::find(columns, TableColumn::Kind::label, &TableColumn::kind);
  return label == columns.end() ? std::vector<std::string>() : label->values;
}

int TableSchema::classes() const {
  return static_cast<int>(class_names().size());
}

TableSchema read_table_schema(const std::filesystem::path& path) {
  TableSchema schema;
  schema.text = content(path);
  TextLines lines(path, schema.text);
  std::set<std::string> names;
  while (auto raw = lines.next()) {
    const std::string line = trimmed(*raw);
    if (line.empty() || line[0] == '#') continue;
    if (line[0] == '@') {
      directive(line, schema, lines);
      continue;
    }
    schema.columns.push_back(column(line, lines));
    const TableColumn& last = schema.columns.back();
    if (!names.insert(last.name).second) lines.refuse(fmt::format("the column '{}' is declared twice", last.name));
    if (last.kind == TableColumn::Kind::label && std::ranges::count(schema.columns, last.kind, &TableColumn::kind) > 1)
      lines.refuse("a second label; exactly one column is the label");
    if (schema.columns.size() > kMaxColumns) lines.refuse(fmt::format("more than {} columns", kMaxColumns));
  }
  if (schema.classes() == 0 || schema.features() == 0)
    throw DataError(
        fmt::format("[read_table_schema] {}: one label and at least one number or category are needed", path.string()));
  return schema;
}

}  // namespace sotto::data
