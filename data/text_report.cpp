#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/data/text_report.h>

#include <algorithm>
#include <string_view>

namespace sotto::data {
namespace {

constexpr std::size_t kMostLines = 10;  // told of one text

std::string lines_of(const std::vector<std::int64_t>& lines) {
  const auto shown = static_cast<std::ptrdiff_t>(std::min(lines.size(), kMostLines));
  const std::string rest =
      lines.size() > kMostLines ? fmt::format(" and {} more", lines.size() - kMostLines) : std::string();
  return fmt::format("  lines {}{}\n", fmt::join(lines.begin(), lines.begin() + shown, ", "), rest);
}

std::string_view where_repeats_are(const TextReport& report) {
  if (!report.repeats_dropped) return "";
  return report.has_groups ? " in other groups or under other labels" : " under other labels";
}

std::string risk_of_repeats(const TextReport& report) {
  if (report.has_groups) return "a person who is in several groups is protected less than stated.";
  return fmt::format(
      "where the unit of privacy is a record, such a person is protected less than stated. Name a group column{}.",
      report.repeats_dropped ? "" : ", or leave repeats out");
}

}  // namespace

std::string terminal_text(const TextReport& report, std::size_t most) {
  const std::int64_t dropped = report.dropped_by_rule + report.dropped_repeats + report.dropped_beyond_bound;
  std::string text =
      fmt::format("{}: {} records read, {} kept\n", report.path.string(), report.records, report.records - dropped);
  const auto count = [&text](std::int64_t records, const char* why) {
    if (records > 0) text += fmt::format("  {} left out {}\n", records, why);
  };
  count(report.dropped_by_rule, "by the rule of labels");
  count(report.dropped_repeats, "as repeats of earlier records");
  count(report.dropped_beyond_bound, "as more than a group may contribute");
  if (report.repeats.empty()) return text;

  std::size_t records = 0;
  for (const auto& lines : report.repeats) records += lines.size();
  text +=
      fmt::format("warning: {} texts occur more than once{}, in {} records. One person may own several records: {}\n",
                  report.repeats.size(), where_repeats_are(report), records, risk_of_repeats(report));
  for (std::size_t i = 0; i < std::min(most, report.repeats.size()); ++i) text += lines_of(report.repeats[i]);
  if (report.repeats.size() > most) text += fmt::format("  and {} more texts\n", report.repeats.size() - most);
  return text;
}

}  // namespace sotto::data
