#include <fmt/format.h>
#include <sotto/benchmarks/account_speed.h>
#include <sotto/benchmarks/child_process.h>
#include <sotto/benchmarks/timing.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace sotto::benchmarks {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kMebi = 1 << 20;

// JSON has no infinity.
Json number(double value) {
  return std::isinf(value) ? Json("inf") : Json(value);
}
double number(const Json& json) {
  return json.is_string() ? std::numeric_limits<double>::infinity() : json.get<double>();
}

std::string measured_here(const AccountRow& row, int largest_runs) {
  AccountAnswer answer;
  const Timing timing = time_runs([&] { answer = row.answer(); }, largest_runs);
  Json object = {{"upper", number(answer.upper)},
                 {"first", timing.first_seconds},
                 {"median", timing.median_seconds},
                 {"fastest", timing.fastest_seconds},
                 {"runs", timing.runs}};
  if (answer.lower) object["lower"] = number(*answer.lower);
  return object.dump();
}

AccountMeasurement measure(const AccountRow& row, int largest_runs) {
  AccountMeasurement measurement;
  measurement.row = row;
  const ChildOutcome child = run_in_child([&] { return measured_here(row, largest_runs); });
  measurement.error = child.error;
  measurement.peak_bytes = child.peak_bytes;
  if (!child.error.empty()) return measurement;
  const Json object = Json::parse(child.result);
  if (object.contains("lower")) measurement.answer.lower = number(object.at("lower"));
  measurement.answer.upper = number(object.at("upper"));
  measurement.timing = {.first_seconds = object.at("first"),
                        .median_seconds = object.at("median"),
                        .fastest_seconds = object.at("fastest"),
                        .runs = object.at("runs")};
  return measurement;
}

std::string bracket_text(const AccountMeasurement& measurement) {
  if (!measurement.answer.lower) return fmt::format("<= {:.8g}", measurement.answer.upper);
  return fmt::format("[{:.10g}, {:.10g}]", *measurement.answer.lower, measurement.answer.upper);
}

std::string seconds_text(double seconds) {
  constexpr double kMilli = 1e3;
  return seconds < 1 ? fmt::format("{:.3g} ms", seconds * kMilli) : fmt::format("{:.3g} s", seconds);
}

std::string bar_text(const AccountBar& bar) {
  std::string text = seconds_text(bar.seconds);
  if (bar.width) text += fmt::format(", width {:g}", *bar.width);
  if (bar.peak_bytes) text += fmt::format(", {:g} MiB", static_cast<double>(*bar.peak_bytes) / kMebi);
  return text;
}

}  // namespace

double AccountMeasurement::width() const {
  return answer.upper - answer.lower.value_or(0);
}

bool AccountMeasurement::met() const {
  return error.empty() && timing.median_seconds < row.bar.seconds && !(row.bar.width && width() > *row.bar.width) &&
         !(row.bar.peak_bytes && peak_bytes >= *row.bar.peak_bytes);
}

std::vector<AccountMeasurement> measure(const std::vector<AccountRow>& rows, int largest_runs) {
  std::vector<AccountMeasurement> measurements;
  measurements.reserve(rows.size());
  for (const AccountRow& row : rows) measurements.push_back(measure(row, largest_runs));
  return measurements;
}

std::string to_json(const std::vector<AccountMeasurement>& measurements) {
  Json rows = Json::array();
  for (const AccountMeasurement& measurement : measurements) {
    const AccountRow& row = measurement.row;
    Json object = {{"row", row.name}, {"question", row.question}, {"method", row.method}, {"quantity", row.quantity}};
    if (measurement.error.empty()) {
      if (measurement.answer.lower) {
        object["lower"] = number(*measurement.answer.lower);
        object["upper"] = number(measurement.answer.upper);
        object["width"] = number(measurement.width());
      } else {
        object["upper"] = number(measurement.answer.upper);
      }
      object["seconds"] = measurement.timing.median_seconds;
      object["seconds_first"] = measurement.timing.first_seconds;
      object["seconds_fastest"] = measurement.timing.fastest_seconds;
      object["runs"] = measurement.timing.runs;
    } else {
      object["error"] = measurement.error;
    }
    object["peak_bytes"] = measurement.peak_bytes;
    object["bar_seconds"] = row.bar.seconds;
    if (row.bar.width) object["bar_width"] = *row.bar.width;
    if (row.bar.peak_bytes) object["bar_peak_bytes"] = *row.bar.peak_bytes;
    object["met"] = measurement.met();
    rows.push_back(std::move(object));
  }
  return Json{{"rows", std::move(rows)}}.dump(2) + "\n";
}

std::string to_text(const std::vector<AccountMeasurement>& measurements) {
  std::string text =
      "| question | method | answer | width | median time | fastest | first | peak memory | bar | met |\n"
      "|---|---|---|---|---|---|---|---|---|---|\n";
  for (const AccountMeasurement& measurement : measurements) {
    const AccountRow& row = measurement.row;
    const std::string peak = fmt::format("{:.0f} MiB", static_cast<double>(measurement.peak_bytes) / kMebi);
    if (!measurement.error.empty()) {
      text += fmt::format("| {} | {} | {} | | | | | {} | {} | NO |\n", row.question, row.method, measurement.error,
                          peak, bar_text(row.bar));
      continue;
    }
    text += fmt::format(
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", row.question, row.method, bracket_text(measurement),
        measurement.answer.lower ? fmt::format("{:.1e}", measurement.width()) : "",
        seconds_text(measurement.timing.median_seconds), seconds_text(measurement.timing.fastest_seconds),
        seconds_text(measurement.timing.first_seconds), peak, bar_text(row.bar), measurement.met() ? "yes" : "NO");
  }
  return text;
}

}  // namespace sotto::benchmarks
