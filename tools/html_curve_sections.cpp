#include <fmt/format.h>
#include <sotto/privacy/certificate_text.h>
#include <sotto/tools/html_chart.h>
#include <sotto/tools/html_sections.h>
#include <sotto/tools/html_table.h>
#include <sotto/tools/html_text.h>
#include <sotto/tools/learning_curve.h>

#include <algorithm>
#include <array>
#include <utility>

namespace sotto::tools {
namespace {

using privacy::certificate_text::rounded_up;

// Shares of one, which fit one picture.
constexpr std::array<std::string_view, 4> kShares = {"accuracy", "f1", "precision", "recall"};

bool is_share(const std::string& name) {
  return std::ranges::find(kShares, name) != kShares.end();
}

std::string shown_name(const std::string& name) {
  if (name == "f1") return "F1";
  std::string text = name;
  std::ranges::replace(text, '_', ' ');
  return text;
}

std::string shown_value(const Metric& metric) {
  return is_share(metric.name) ? fmt::format("{:.4f}", metric.value) : fmt::format("{:.6g}", metric.value);
}

const Metric* find(const LearningPoint& point, const std::string& name) {
  const auto found = std::ranges::find(point.metrics, name, &Metric::name);
  return found == point.metrics.end() ? nullptr : &*found;
}

// Of public test records, or of private ones.
std::vector<std::string> names_of(const std::vector<LearningPoint>& curve, bool of_private_records) {
  std::vector<std::string> names;
  for (const LearningPoint& point : curve)
    for (const Metric& metric : point.metrics)
      if (metric.name.starts_with(kPrivateMetricPrefix) == of_private_records &&
          std::ranges::find(names, metric.name) == names.end())
        names.push_back(metric.name);
  return names;
}

ChartSeries series_of(const std::vector<LearningPoint>& curve, const std::string& name) {
  ChartSeries series{.name = shown_name(name), .points = {}};
  for (const LearningPoint& point : curve)
    if (const Metric* metric = find(point, name))
      series.points.push_back({.step = point.step, .value = metric->value, .text = shown_value(*metric)});
  return series;
}

HtmlChart chart_of(std::vector<ChartSeries> series, std::size_t number) {
  std::string names;
  for (const ChartSeries& one : series) names += (names.empty() ? "" : " and ") + one.name;
  const ChartSeries& first = series.front();
  return {.id = fmt::format("learning-{}", number),
          .title = fmt::format("On public test records: {}", names),
          .description = fmt::format("{} from {} at step {} to {} at step {}; all values are in the table below.",
                                     first.name, first.points.front().text, first.points.front().step,
                                     first.points.back().text, first.points.back().step),
          .value_label = names,
          .with_table = false,
          .series = std::move(series)};
}

std::vector<HtmlChart> charts_of(const std::vector<LearningPoint>& curve, const std::vector<std::string>& names) {
  std::vector<HtmlChart> charts;
  std::vector<ChartSeries> shares;
  for (const std::string& name : names) {
    if (!is_share(name)) continue;
    shares.push_back(series_of(curve, name));
    if (shares.size() == kMostSeries) charts.push_back(chart_of(std::exchange(shares, {}), charts.size()));
  }
  if (!shares.empty()) charts.push_back(chart_of(std::move(shares), charts.size()));
  for (const std::string& name : names)
    if (!is_share(name)) charts.push_back(chart_of({series_of(curve, name)}, charts.size()));
  return charts;
}

// A noisy metric with the band that one standard deviation of its noise makes.
HtmlChart band_of(const std::vector<LearningPoint>& curve, const std::string& name) {
  const std::string deviation = name + kDeviationEnding;
  ChartSeries middle = series_of(curve, name);
  ChartSeries above{.name = "one deviation of its noise above", .points = {}, .dashed = true};
  ChartSeries below{.name = "and below", .points = {}, .dashed = true};
  for (const LearningPoint& point : curve) {
    const Metric *value = find(point, name), *noise = find(point, deviation);
    if (value == nullptr || noise == nullptr) continue;
    const auto add = [&](ChartSeries& series, double at) {
      series.points.push_back({.step = point.step, .value = at, .text = fmt::format("{:.6g}", at)});
    };
    add(above, value->value + noise->value);
    add(below, value->value - noise->value);
  }
  HtmlChart chart{
      .id = name == kPrivateLoss ? "private-loss" : "private-accuracy",
      .title = fmt::format("Released through the budget: noisy {}", middle.name),
      .description = fmt::format("{} from {} at step {} to {} at step {}; all values are in the table below.",
                                 middle.name, middle.points.front().text, middle.points.front().step,
                                 middle.points.back().text, middle.points.back().step),
      .value_label = middle.name,
      .with_table = false,
      .series = {}};
  chart.series.push_back(std::move(middle));
  for (ChartSeries* series : {&above, &below})
    if (!series->points.empty()) chart.series.push_back(std::move(*series));
  return chart;
}

HtmlTable table_of(const HtmlReport& report, const std::vector<std::string>& names, std::string caption) {
  const bool with_epsilon =
      !reason_not_private(report) && std::ranges::any_of(report.learning_curve, [](const LearningPoint& point) {
        return point.epsilon_spent.has_value();
      });
  HtmlTable table{.caption = std::move(caption), .columns = {"step"}, .rows = {}};
  for (const std::string& name : names) table.columns.push_back(shown_name(name));
  if (with_epsilon) table.columns.emplace_back("epsilon spent, at most");
  for (const LearningPoint& point : report.learning_curve) {
    if (std::ranges::none_of(names, [&](const std::string& name) { return find(point, name) != nullptr; })) continue;
    std::vector<std::string> row = {fmt::format("{}", point.step)};
    for (const std::string& name : names) {
      const Metric* metric = find(point, name);
      row.push_back(metric != nullptr ? shown_value(*metric) : "");
    }
    if (with_epsilon) row.push_back(point.epsilon_spent ? rounded_up(*point.epsilon_spent) : "");
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string figures(const std::vector<Metric>& metrics, std::string_view stamp) {
  std::string text = "<dl class=\"figures\">\n";
  for (const Metric& metric : metrics)
    text += fmt::format("<div><dt>{}</dt><dd>{}</dd><dd class=\"small\">{}</dd></div>\n",
                        html_escaped(shown_name(metric.name)), shown_value(metric), stamp);
  return text + "</dl>\n";
}

std::string released_section(const HtmlReport& report) {
  const std::vector<std::string> names = names_of(report.learning_curve, true);
  if (names.empty()) return "";
  std::string text =
      "<h3>On private records, released through the budget</h3>\n<p>Each point is a sum over all private records with "
      "Gaussian noise, divided by their declared number; the guarantee covers all of them. What lies within the band "
      "is within the noise.</p>\n<div class=\"pair\">\n";
  for (const std::string& name : names)
    if (!name.ends_with(kDeviationEnding)) text += to_html(band_of(report.learning_curve, name));
  return text + "</div>\n" +
         to_html(table_of(report, names, "Evaluations on private records, released through the budget"));
}

}  // namespace

std::string learning(const HtmlReport& report) {
  const std::vector<std::string> names = names_of(report.learning_curve, false);
  std::string text = "<section aria-labelledby=\"quality\">\n<h2 id=\"quality\">How well the model does</h2>\n";
  if (names.empty()) {
    text += "<p>Nothing was measured: there were no test records, or no step yet to measure them after.</p>\n";
  } else {
    const auto last =
        std::ranges::find_if(report.learning_curve.rbegin(), report.learning_curve.rend(),
                             [&](const LearningPoint& point) { return find(point, names[0]) != nullptr; });
    std::vector<Metric> shown = last->metrics;
    std::erase_if(shown, [](const Metric& metric) { return metric.name.starts_with(kPrivateMetricPrefix); });
    text += figures(
        shown, fmt::format("<span class=\"stamp public\">on public test records</span> after step {}", last->step));
    text += "<p>Test records are treated as public: nothing protects them.</p>\n<div class=\"pair\">\n";
    for (const HtmlChart& chart : charts_of(report.learning_curve, names)) text += to_html(chart);
    text += "</div>\n" + to_html(table_of(report, names, "Evaluations on public test records"));
  }
  text += released_section(report);
  if (!report.private_metrics.empty())
    text += "<h3>On private records</h3>\n" +
            figures(report.private_metrics, "<span class=\"stamp\">NOT COVERED by the guarantee</span>") +
            "<p>These were computed on private records without noise, and tell of them.</p>\n";
  return text + "</section>\n";
}

std::string clip_norm_over_steps(const HtmlReport& report) {
  ChartSeries series{.name = "clip norm", .points = {}};
  for (const LearningPoint& point : report.learning_curve)
    if (point.clip_norm)
      series.points.push_back(
          {.step = point.step, .value = *point.clip_norm, .text = fmt::format("{:.6g}", *point.clip_norm)});
  if (series.points.empty()) return "";
  const HtmlChart chart{.id = "clip-norm",
                        .title = "Clip norm over the steps",
                        .description = fmt::format("The clip norm is {} after step {} and {} after step {}; all values "
                                                   "are in the table below.",
                                                   series.points.front().text, series.points.front().step,
                                                   series.points.back().text, series.points.back().step),
                        .value_label = "clip norm",
                        .from_zero = true,
                        .series = {series}};
  return "<section aria-labelledby=\"clip-norms\">\n<h2 id=\"clip-norms\">Clip norm over the steps</h2>\n<p>It follows "
         "from noised counts that the steps released together with their gradients: telling it costs nothing "
         "more.</p>\n" +
         to_html(chart) + "</section>\n";
}

std::string epsilon_over_steps(const HtmlReport& report) {
  if (report.epsilon_curve.empty()) return "";
  ChartSeries charged{.name = "charged in the ledger", .points = {}, .line = ChartSeries::Line::upper_bounds};
  ChartSeries planned{
      .name = "planned, not executed", .points = {}, .line = ChartSeries::Line::upper_bounds, .dashed = true};
  for (const EpsilonPoint& point : report.epsilon_curve)
    (point.executed ? charged : planned)
        .points.push_back({.step = point.step, .value = point.epsilon, .text = rounded_up(point.epsilon)});
  planned.begin = report.certificate->executed.steps;
  HtmlChart chart{
      .id = "epsilon-curve",
      .title = "Epsilon over the steps, certified upper bounds",
      .description = fmt::format("Epsilon at most {} after step {} and at most {} after step {}; all values "
                                 "are in the table below.",
                                 rounded_up(report.epsilon_curve.front().epsilon), report.epsilon_curve.front().step,
                                 rounded_up(report.epsilon_curve.back().epsilon), report.epsilon_curve.back().step),
      .value_label = "epsilon, at most",
      .from_zero = true,
      .series = {}};
  for (ChartSeries* series : {&charged, &planned})
    if (!series->points.empty()) chart.series.push_back(std::move(*series));
  const CertificateFields fields(*report.certificate);
  return fmt::format(
             "<section aria-labelledby=\"epsilon\">\n<h2 id=\"epsilon\">Epsilon over the steps</h2>\n<p>At delta {}, "
             "for the releases of the ledger. Between two points the line has the height of the later one, which is a "
             "bound there too. The figure to quote is that of the planned steps: an epsilon at a step that was chosen "
             "after looking at results is no guarantee.</p>\n",
             fields.html("planned.delta")) +
         to_html(chart) + "</section>\n";
}

}  // namespace sotto::tools
