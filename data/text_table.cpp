#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/data/group_bound.h>
#include <sotto/data/repeated_texts.h>
#include <sotto/data/text_table.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <utility>

namespace sotto::data {
namespace {

using Verdict = LabelRule::Verdict;

void check(const TextTableOptions& options) {
  const auto refuse = [](const std::string& what) { throw UsageError("[read_text_table] " + what); };
  if (options.label_column.empty() == options.labels.has_value())
    refuse("a label column and a rule of labels belong together; give both or none");
  if (options.group_column.empty() && (!options.group_up_to.empty() || options.max_per_group != 0))
    refuse("the end of a group's name and the most of its records need a group column");
  if (!options.group_column.empty() && options.max_per_group < 1)
    refuse(fmt::format("max_per_group: {}; a group column needs at least 1", options.max_per_group));
  if (options.is_test && !options.group_column.empty()) refuse("is_test has no place with a group column");
  if (options.max_records < 1) refuse(fmt::format("max_records: {}; must be positive", options.max_records));
}

TextLayout layout(const TextTableOptions& options) {
  TextLayout result{.format = options.format, .header = options.header, .columns = {}};
  const bool has_columns = options.format != TextFormat::lines;
  if (has_columns || !options.text_column.empty()) result.columns.push_back(options.text_column);
  for (const std::string* column : {&options.label_column, &options.group_column})
    if (!column->empty()) result.columns.push_back(*column);
  return result;
}

// As 1.0 or 1e0, which are numbers that other digits stand for too.
bool is_number_but_no_integer(std::string_view field) {
  double value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  const bool number = error == std::errc() || error == std::errc::result_out_of_range;  // 1e-400
  if (!number || end != field.data() + field.size()) return false;
  return field.find_first_of(".eE") != std::string_view::npos;
}

// Reads the records that the rule of labels keeps.
class Reading {
 public:
  Reading(const std::filesystem::path& path, const TextTableOptions& options)
      : options_(options), records_(path, layout(options), options.max_bytes) {
    table_.report.path = path;
    read();
    if (table_.report.records == 0)
      throw DataError(fmt::format("[read_text_table] {}: holds no record", path.string()));
    if (table_.texts.empty())
      throw DataError(fmt::format("[read_text_table] {}: the rule of labels leaves out all records", path.string()));
    table_.group_names.resize(groups_.size());
    for (const auto& [name, group] : groups_) table_.group_names[static_cast<std::size_t>(group)] = name;
  }

  TextTable take_table() { return std::move(table_); }
  const std::vector<std::int64_t>& lines() const { return lines_; }

 private:
  // Who mends one record wants to know of the others.
  void read() {
    std::vector<std::string> refused;
    try {
      while (auto fields = records_.next()) {
        if (table_.report.records == options_.max_records)
          records_.refuse(fmt::format("more than the limit of {} records", options_.max_records));
        ++table_.report.records;
        try {
          add(std::move(*fields));
        } catch (const DataError& error) {
          refused.emplace_back(error.what());
        }
        if (refused.size() == kMostRefused) {
          refused.emplace_back("reading ended there; records behind it may be wrong as well");
          break;
        }
      }
    } catch (const DataError& error) {
      refused.emplace_back(error.what());
    }
    if (!refused.empty()) throw DataError(fmt::format("{}", fmt::join(refused, "\n")));
  }

  void add(std::vector<std::string> fields) {
    if (is_blank(fields[0])) records_.refuse("the text is empty");
    Verdict verdict;
    if (options_.labels) {
      verdict = options_.labels->judge(fields[1]);
      if (verdict.kind == Verdict::Kind::refused)
        records_.refuse(fmt::format("column {}: {}", options_.label_column, verdict.reason));
    }
    std::string name = options_.group_column.empty() ? std::string() : group_name(std::move(fields.back()));
    if (verdict.kind == Verdict::Kind::dropped) {
      ++table_.report.dropped_by_rule;
      return;
    }
    if (options_.labels) table_.labels.push_back(verdict.label);
    if (!options_.group_column.empty()) {
      const auto next = static_cast<std::int64_t>(groups_.size());
      table_.groups.push_back(groups_.try_emplace(std::move(name), next).first->second);
    }
    table_.texts.push_back(fields[0]);  // a copy has no room to spare, which a string that grew has
    table_.numbers.push_back(table_.report.records);
    lines_.push_back(records_.line());
  }

  std::string group_name(std::string field) const {
    if (!options_.group_up_to.empty()) {
      const std::size_t end = field.find(options_.group_up_to);
      if (end == std::string::npos)
        records_.refuse(fmt::format("column {}: no '{}' in the field", options_.group_column, options_.group_up_to));
      field.resize(end);
    }
    if (is_blank(field)) records_.refuse(fmt::format("column {}: the group is empty", options_.group_column));
    // One number has many spellings, and each would be a group of its own.
    if (options_.format == TextFormat::jsonl && is_number_but_no_integer(field))
      records_.refuse(
          fmt::format("column {}: the group is a number in a spelling of its own; write whole numbers in "
                      "plain digits, or texts",
                      options_.group_column));
    return field;
  }

  const TextTableOptions& options_;
  TextRecords records_;
  TextTable table_;
  std::vector<std::int64_t> lines_;
  std::map<std::string, std::int64_t> groups_;
};

// Leaves the records that stay, and returns how many go.
std::int64_t keep(const std::vector<bool>& stays, TextTable& table) {
  const auto filter = [&stays](auto& values) {
    if (values.empty()) return;
    std::size_t to = 0;
    for (std::size_t from = 0; from < stays.size(); ++from)
      if (stays[from] && to++ != from) values[to - 1] = std::move(values[from]);
    values.resize(to);
  };
  filter(table.texts);
  filter(table.labels);
  filter(table.numbers);
  filter(table.groups);
  return static_cast<std::int64_t>(stays.size() - table.texts.size());
}

// Whether each record is no repeat of an earlier one; every test counts as earlier than what is none.
std::vector<bool> first_of_its_kind(const TextTable& table, std::vector<std::vector<std::size_t>> repeats,
                                    const TextTableOptions& options) {
  std::vector<bool> stays(table.texts.size(), true);
  for (std::vector<std::size_t>& same : repeats) {
    if (options.is_test)
      std::stable_partition(same.begin(), same.end(),
                            [&](std::size_t i) { return options.is_test(table.numbers[i], table.texts[i]); });
    std::set<std::pair<double, std::int64_t>> seen;
    for (const std::size_t i : same)
      stays[i] =
          seen.emplace(table.labels.empty() ? 0 : table.labels[i], table.groups.empty() ? 0 : table.groups[i]).second;
  }
  return stays;
}

}  // namespace

TextTable read_text_table(const std::filesystem::path& path, const TextTableOptions& options) {
  check(options);
  Reading reading(path, options);
  TextTable table = reading.take_table();
  TextReport& report = table.report;

  report.repeats_dropped = options.drop_repeats;
  report.has_groups = !options.group_column.empty();
  const auto repeats = repeated_texts(table.texts);
  const std::vector<bool> stays =
      options.drop_repeats ? first_of_its_kind(table, repeats, options) : std::vector<bool>(table.texts.size(), true);
  for (const std::vector<std::size_t>& same : repeats) {
    std::vector<std::int64_t> lines;
    for (const std::size_t i : same)
      if (stays[i]) lines.push_back(reading.lines()[i]);
    if (lines.size() > 1) report.repeats.push_back(std::move(lines));
  }
  report.dropped_repeats = keep(stays, table);
  if (options.max_per_group > 0)
    report.dropped_beyond_bound =
        keep(bounded_groups(table.groups, table.group_names, options.max_per_group, options.group_seed), table);
  return table;
}

}  // namespace sotto::data
