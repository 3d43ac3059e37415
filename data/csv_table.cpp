#include <fmt/format.h>
#include <sotto/data/csv_table.h>
#include <sotto/data/text_lines.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <charconv>

namespace sotto::data {
namespace {

void skip_blanks(const std::string& line, std::size_t& at) {
  while (at < line.size() && (line[at] == ' ' || line[at] == '\t')) ++at;
}

std::string quoted_field(const std::string& line, std::size_t& at, const TextLines& lines) {
  std::string field;
  for (++at; at < line.size(); ++at) {
    if (line[at] != '"') {
      field += line[at];
    } else if (at + 1 < line.size() && line[at + 1] == '"') {
      field += line[++at];
    } else {
      ++at;
      skip_blanks(line, at);
      return field;
    }
  }
  lines.refuse("a quoted field does not end on its line");
}

std::vector<std::string> fields(const std::string& line, const TextLines& lines) {
  std::vector<std::string> result;
  for (std::size_t at = 0;; ++at) {
    skip_blanks(line, at);
    std::string field;
    if (at < line.size() && line[at] == '"') {
      field = quoted_field(line, at, lines);
      if (at < line.size() && line[at] != ',') lines.refuse("text follows a quoted field");
    } else {
      const std::size_t end = std::min(line.find(',', at), line.size());
      field = line.substr(at, end - at);
      field.erase(field.find_last_not_of(" \t") + 1);
      if (field.find('"') != std::string::npos) lines.refuse(fmt::format("a quote within field {}", result.size() + 1));
      at = end;
    }
    result.push_back(std::move(field));
    if (at >= line.size()) return result;
  }
}

float scaled(const TableColumn& column, const std::string& field, const TextLines& lines) {
  double value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error != std::errc() || end != field.data() + field.size())
    lines.refuse(fmt::format("column {}: not a number", column.name));
  if (!(value >= column.low && value <= column.high))
    lines.refuse(
        fmt::format("column {}: outside of the declared range {} to {}", column.name, column.low, column.high));
  return static_cast<float>(2 * ((value - column.low) / (column.high - column.low)) - 1);
}

std::size_t place(const TableColumn& column, const std::string& field, const TextLines& lines) {
  const auto found = std::ranges::find(column.values, field);
  if (found == column.values.end())
    lines.refuse(fmt::format("column {}: not among the {} declared values", column.name, column.values.size()));
  return static_cast<std::size_t>(found - column.values.begin());
}

std::string without_end(const std::string& field, const std::string& end) {
  return !end.empty() && field.ends_with(end) ? field.substr(0, field.size() - end.size()) : field;
}

void encode(const TableSchema& schema, const std::vector<std::string>& record, Table& table, const TextLines& lines) {
  for (std::size_t c = 0; c < record.size(); ++c) {
    const TableColumn& column = schema.columns[c];
    const bool missing = !schema.missing.empty() && record[c] == schema.missing;
    switch (column.kind) {
      case TableColumn::Kind::ignore:
        break;
      case TableColumn::Kind::number:
        table.values.push_back(missing ? 0 : scaled(column, record[c], lines));
        break;
      case TableColumn::Kind::category: {
        const std::size_t first = table.values.size();
        const std::size_t chosen = missing ? 0 : place(column, record[c], lines);
        table.values.resize(first + column.values.size());
        if (!missing) table.values[first + chosen] = 1;
        break;
      }
      case TableColumn::Kind::label:
        table.labels.push_back(
            static_cast<std::uint8_t>(place(column, without_end(record[c], schema.optional_end), lines)));
        break;
    }
  }
}

void check_header(const TableSchema& schema, const std::vector<std::string>& names, const TextLines& lines) {
  for (std::size_t c = 0; c < names.size(); ++c)
    if (names[c] != schema.columns[c].name)
      lines.refuse(
          fmt::format("the header's column {} is not '{}', which the schema has", c + 1, schema.columns[c].name));
}

}  // namespace

Table read_csv_table(const std::filesystem::path& path, const TableSchema& schema, std::int64_t max_bytes) {
  if (schema.classes() == 0 || schema.features() == 0)
    throw UsageError("[read_csv_table] the schema needs one label and at least one number or category");
  if (max_bytes < 1) throw UsageError(fmt::format("[read_csv_table] max_bytes: {}; must be positive", max_bytes));
  const std::int64_t most = max_bytes / static_cast<std::int64_t>(sizeof(float)) / schema.features();
  Table table{.count = 0, .features = schema.features(), .classes = schema.classes(), .values = {}, .labels = {}};
  TextLines lines(path);
  bool header = schema.header;
  while (const auto line = lines.next()) {
    if (line->find_first_not_of(" \t") == std::string::npos) continue;
    if (!schema.comment.empty() && line->starts_with(schema.comment)) continue;
    const std::vector<std::string> record = fields(*line, lines);
    if (record.size() != schema.columns.size())
      lines.refuse(fmt::format("{} fields; the schema has {} columns", record.size(), schema.columns.size()));
    if (header) {
      check_header(schema, record, lines);
      header = false;
      continue;
    }
    if (table.count == most) lines.refuse(fmt::format("the table takes more than the limit of {} bytes", max_bytes));
    encode(schema, record, table, lines);
    ++table.count;
  }
  if (table.count == 0) throw DataError(fmt::format("[read_csv_table] {}: holds no record", path.string()));
  return table;
}

}  // namespace sotto::data
