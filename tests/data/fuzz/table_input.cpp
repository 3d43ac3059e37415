#include "table_input.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/data/csv_table.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../../support/fuzz_bytes.h"
#include "../../support/memory_file.h"

namespace sotto::data::testing {
namespace {

using sotto::testing::check;
using sotto::testing::MemoryFile;
using Kind = TableColumn::Kind;

std::optional<TableSchema> accepted_schema(std::string_view text) {
  static const MemoryFile file;
  try {
    return read_table_schema(file.holding(text));
  } catch (const DataError&) {
    return std::nullopt;
  }
}

std::optional<Table> accepted_table(std::string_view text, const TableSchema& schema) {
  static const MemoryFile file;
  try {
    return read_csv_table(file.holding(text), schema);
  } catch (const DataError&) {
    return std::nullopt;
  }
}

// With CR LF: a CR at the end of a value is part of it then.
std::string written(const TableSchema& schema) {
  std::string text;
  for (const auto& [name, value] : {std::pair{"@missing", &schema.missing}, std::pair{"@comment", &schema.comment},
                                    std::pair{"@optional-end", &schema.optional_end}})
    if (!value->empty()) text += fmt::format("{} {}\r\n", name, *value);
  if (schema.header) text += "@header\r\n";
  for (const TableColumn& column : schema.columns) {
    text += column.name + ": ";
    if (column.kind == Kind::number) text += fmt::format("number {} {}", column.low, column.high);
    if (column.kind == Kind::category) text += fmt::format("category {}", fmt::join(column.values, ", "));
    if (column.kind == Kind::label) text += fmt::format("label {}", fmt::join(column.values, ","));
    if (column.kind == Kind::ignore) text += "ignore";
    text += "\r\n";
  }
  return text;
}

bool same(const TableColumn& a, const TableColumn& b) {
  return a.name == b.name && a.kind == b.kind && a.low == b.low && a.high == b.high && a.values == b.values;
}

void check_schema(const TableSchema& schema, std::string_view text) {
  check(schema.text == text && schema.features() > 0 && schema.classes() >= 2 && schema.classes() <= 256);
  check(std::ranges::count(schema.columns, Kind::label, &TableColumn::kind) == 1);
  for (const TableColumn& column : schema.columns) {
    check(!column.name.empty());
    if (column.kind == Kind::number)
      check(std::isfinite(column.low) && std::isfinite(column.high) && column.low < column.high);
  }
  const auto again = accepted_schema(written(schema));
  check(again && again->missing == schema.missing && again->comment == schema.comment &&
        again->optional_end == schema.optional_end && again->header == schema.header);
  check(std::ranges::equal(again->columns, schema.columns, same));
}

// Lines that are neither empty nor comments, the header among them.
std::int64_t lines_that_count(std::string_view text, const TableSchema& schema) {
  std::int64_t count = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    if (schema.comment.empty() || !line.starts_with(schema.comment)) ++count;
  }
  return count;
}

void check_table(const Table& table, const TableSchema& schema) {
  check(table.count > 0 && table.features == schema.features() && table.classes == schema.classes());
  check(table.values.size() == static_cast<std::size_t>(table.count * table.features));
  check(table.labels.size() == static_cast<std::size_t>(table.count));
  check(std::ranges::all_of(table.labels, [&](std::uint8_t label) { return label < table.classes; }));
  auto value = table.values.begin();
  for (std::int64_t record = 0; record < table.count; ++record)
    for (const TableColumn& column : schema.columns) {
      if (column.kind == Kind::number) {
        check(*value >= -1 && *value <= 1);
        ++value;
      } else if (column.kind == Kind::category) {
        const auto end = value + static_cast<std::ptrdiff_t>(column.values.size());
        const auto ones = std::count(value, end, 1.0F), zeros = std::count(value, end, 0.0F);
        check(ones + zeros == end - value && (ones == 1 || (ones == 0 && !schema.missing.empty())));
        value = end;
      }
    }
}

template <typename Value>
bool is_twice(const std::vector<Value>& whole, const std::vector<Value>& half) {
  return whole.size() == 2 * half.size() && std::equal(half.begin(), half.end(), whole.begin()) &&
         std::equal(half.begin(), half.end(), whole.begin() + static_cast<std::ptrdiff_t>(half.size()));
}

bool is_gzip(std::string_view text) {
  return text.starts_with("\x1f\x8b");
}

}  // namespace

void take_table_input(std::span<const std::uint8_t> bytes) {
  const auto cut = std::ranges::find(bytes, 255);
  const std::string text(bytes.begin(), cut);
  const auto schema = accepted_schema(text);
  if (!schema) return;
  check_schema(*schema, text);
  const std::string rows(cut == bytes.end() ? cut : cut + 1, bytes.end());
  const auto table = accepted_table(rows, *schema);
  if (!table) return;
  check_table(*table, *schema);
  if (is_gzip(rows)) return;
  check(table->count == lines_that_count(rows, *schema) - (schema->header ? 1 : 0));
  if (schema->header) return;
  const auto both = accepted_table(rows + "\n" + rows, *schema);
  check(both && is_twice(both->values, table->values) && is_twice(both->labels, table->labels));
}

}  // namespace sotto::data::testing
