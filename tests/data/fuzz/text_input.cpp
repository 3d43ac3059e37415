#include "text_input.h"

#include <fmt/format.h>
#include <sotto/data/text_table.h>
#include <sotto/data/utf8.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "../../support/fuzz_bytes.h"
#include "../../support/memory_file.h"

namespace sotto::data::testing {
namespace {

using sotto::testing::check;
using sotto::testing::MemoryFile;

constexpr std::array kFormats = {TextFormat::tsv, TextFormat::csv, TextFormat::semicolons, TextFormat::jsonl,
                                 TextFormat::lines};
constexpr const char* kByteOrderMark = "\xef\xbb\xbf";

std::optional<TextTable> accepted(std::string_view file, const TextTableOptions& options) {
  static const MemoryFile in_memory;
  try {
    return read_text_table(in_memory.holding(file), options);
  } catch (const DataError&) {
    return std::nullopt;
  }
}

// A rule that calls the classes c0, c1 and so on.
LabelRule plain_rule(const LabelRule& rule) {
  if (rule.is_range()) return rule;
  std::string text = "c0";
  for (std::size_t i = 1; i < rule.class_names().size(); ++i) text += fmt::format(",c{}", i);
  return LabelRule::parse(text);
}

std::string quoted(const std::string& field) {
  std::string result = "\"";
  for (const char byte : field) {
    if (byte == '"') result += '"';
    if (byte == '\n') result += '\r';  // a line break in quotes is kept as LF: a CR before it stays that way
    result += byte;
  }
  return result + "\"";
}

std::string json_text(const std::string& field) {
  std::string result = "\"";
  for (const char byte : field) {
    if (byte == '"' || byte == '\\') result += '\\';
    if (static_cast<unsigned char>(byte) < 0x20)
      result += fmt::format("\\u{:04x}", static_cast<int>(byte));
    else
      result += byte;
  }
  return result + "\"";
}

// Lines end in CR LF, so that a CR at the end of a text stays.
std::string line_of(const std::vector<std::string>& fields, const TextTableOptions& options) {
  const std::array<const std::string*, 3> names = {&options.text_column, &options.label_column, &options.group_column};
  std::vector<std::string> written;
  std::size_t column = 0;
  for (const std::string& field : fields) {
    while (column > 0 && names[column]->empty()) ++column;
    if (options.format == TextFormat::jsonl)
      written.push_back(json_text(*names[column]) + ":" + json_text(field));
    else
      written.push_back(options.format == TextFormat::csv || options.format == TextFormat::semicolons ? quoted(field)
                                                                                                      : field);
    ++column;
  }
  const char separator = options.format == TextFormat::tsv          ? '\t'
                         : options.format == TextFormat::semicolons ? ';'
                                                                    : ',';
  std::string line;
  for (const std::string& part : written) line += (line.empty() ? "" : std::string(1, separator)) + part;
  return options.format == TextFormat::jsonl ? "{" + line + "}\r\n" : line + "\r\n";
}

std::string written(const TextTable& table, const TextTableOptions& options) {
  std::string file = kByteOrderMark;
  if (options.header && (options.format != TextFormat::jsonl && options.format != TextFormat::lines)) {
    std::vector<std::string> names = {options.text_column};
    if (options.labels) names.push_back(options.label_column);
    if (!options.group_column.empty()) names.push_back(options.group_column);
    file += line_of(names, options);
  }
  for (std::size_t i = 0; i < table.texts.size(); ++i) {
    std::vector<std::string> fields = {table.texts[i]};
    if (options.labels)
      fields.push_back(options.labels->is_range() ? fmt::format("{}", table.labels[i])
                                                  : fmt::format("c{}", table.labels[i]));
    if (!options.group_column.empty()) fields.push_back(table.group_names[static_cast<std::size_t>(table.groups[i])]);
    file += line_of(fields, options);
  }
  return file;
}

void check_labels(const TextTable& table, const TextTableOptions& options) {
  check(table.labels.size() == (options.labels ? table.texts.size() : 0));
  for (const double label : table.labels) {
    if (options.labels->is_range())
      check(label >= options.labels->low() && label <= options.labels->high());
    else
      check(label >= 0 && label < static_cast<double>(options.labels->class_names().size()) &&
            label == static_cast<double>(static_cast<int>(label)));
  }
}

void check_groups(const TextTable& table, const TextTableOptions& options) {
  if (options.group_column.empty()) return check(table.groups.empty() && table.group_names.empty());
  check(table.groups.size() == table.texts.size());
  std::map<std::int64_t, std::int64_t> sizes;
  for (const std::int64_t group : table.groups) ++sizes[group];
  check(sizes.begin()->first == 0 && sizes.rbegin()->first == static_cast<std::int64_t>(table.group_names.size()) - 1);
  check(sizes.size() == table.group_names.size());
  for (const auto& [group, size] : sizes) check(size <= options.max_per_group);
  check(std::set<std::string>(table.group_names.begin(), table.group_names.end()).size() == table.group_names.size());
}

void check_table(const TextTable& table, const TextTableOptions& options) {
  const std::size_t count = table.texts.size();
  check(count > 0 && table.numbers.size() == count && !terminal_text(table.report).empty());
  check(std::ranges::all_of(table.texts,
                            [](const std::string& text) { return !is_blank(text) && !first_invalid_utf8(text); }));
  check(table.numbers.front() >= 1 && table.numbers.back() <= table.report.records);
  check(std::ranges::adjacent_find(table.numbers, std::greater_equal()) == table.numbers.end());
  check_labels(table, options);
  check_groups(table, options);
  if (!options.drop_repeats) return;
  std::set<std::tuple<std::string, double, std::int64_t>> kept;
  for (std::size_t i = 0; i < count; ++i)
    check(kept.emplace(table.texts[i], table.labels.empty() ? 0 : table.labels[i],
                       table.groups.empty() ? 0 : table.groups[i])
              .second);
}

TextTableOptions declared(std::span<const std::uint8_t> bytes, const std::string& rule) {
  TextTableOptions options = {.format = kFormats[bytes[0] % kFormats.size()], .text_column = ""};
  options.header = (bytes[1] & 1) != 0;
  options.drop_repeats = (bytes[1] & 8) != 0;
  if ((bytes[1] & 16) != 0) options.is_test = [](std::int64_t number, std::string_view) { return number % 2 == 0; };
  if (options.format == TextFormat::lines) return options;
  const bool named = options.header || options.format == TextFormat::jsonl;
  options.text_column = named ? "t" : "1";
  if (!rule.empty()) {
    options.labels = LabelRule::parse(rule);
    options.label_column = named ? "l" : "2";
  }
  if ((bytes[1] & 2) != 0) {
    options.is_test = {};
    options.group_column = named ? "g" : options.labels ? "3" : "2";
    options.group_up_to = (bytes[1] & 4) != 0 ? "_" : "";
    options.max_per_group = 1 + bytes[2] % 4;
  }
  return options;
}

}  // namespace

void take_text_input(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < 3) return;
  const auto rest = bytes.subspan(3);
  const auto cut = std::ranges::find(rest, 255);
  TextTableOptions options;
  try {
    options = declared(bytes, std::string(rest.begin(), cut));
  } catch (const UsageError&) {
    return;
  }
  const std::string file(cut == rest.end() ? cut : cut + 1, rest.end());
  const auto table = accepted(file, options);
  if (!table) return;
  check_table(*table, options);
  TextTableOptions plain = options;
  if (plain.labels) plain.labels = plain_rule(*plain.labels);
  plain.group_up_to = "";
  plain.drop_repeats = false;
  plain.is_test = {};
  const auto again = accepted(written(*table, plain), plain);
  check(again && again->texts == table->texts && again->labels == table->labels);
  for (std::size_t i = 0; i < table->groups.size(); ++i)
    check(again->group_names[static_cast<std::size_t>(again->groups[i])] ==
          table->group_names[static_cast<std::size_t>(table->groups[i])]);
}

}  // namespace sotto::data::testing
