#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/html_chart.h>
#include <sotto/tools/html_table.h>
#include <sotto/tools/html_text.h>
#include <sotto/tools/plot.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace sotto::tools {
namespace {

constexpr double kWidth = 480, kHeight = 300;
constexpr double kLeft = 66, kRight = 22, kTop = 16, kBottom = 54;
constexpr double kPlotWidth = kWidth - kLeft - kRight, kPlotHeight = kHeight - kTop - kBottom;
constexpr int kStepTicks = 6, kLongStepTicks = 3, kValueTicks = 5;
constexpr double kLongSteps = 1e6;  // whose numbers need more room

[[noreturn]] void refuse(const HtmlChart& chart, const std::string& what) {
  throw UsageError(fmt::format("[html_chart] {}: {}", chart.id, what));
}

void check(const HtmlChart& chart) {
  if (chart.series.empty() || chart.series.size() > kMostSeries)
    refuse(chart, fmt::format("{} series; 1 to {} are allowed", chart.series.size(), kMostSeries));
  for (const ChartSeries& series : chart.series) {
    if (series.points.empty()) refuse(chart, fmt::format("no point in {}; at least one is needed", series.name));
    std::int64_t before = -1;
    for (const ChartPoint& point : series.points) {
      if (point.step <= before)
        refuse(chart, fmt::format("step {} after {}; steps must grow, from 0", point.step, before));
      if (!std::isfinite(point.value)) refuse(chart, fmt::format("value {}; must be finite", point.value));
      before = point.step;
    }
  }
}

class Picture {
 public:
  explicit Picture(const HtmlChart& chart) : chart_(chart) {
    double low = chart.from_zero ? 0 : chart.series[0].points[0].value, high = low;
    for (const ChartSeries& series : chart.series)
      for (const ChartPoint& point : series.points) {
        low = std::min(low, point.value), high = std::max(high, point.value);
        last_ = std::max(last_, point.step);
      }
    const double range = high > low ? high - low : std::max(std::abs(high), 1.0);
    high_ = high + kChartMargin * range;
    low_ = chart.from_zero && low == 0 ? 0 : low - kChartMargin * range;
    if (!std::isfinite(high_ - low_)) refuse(chart, "values too far apart for a picture");
  }

  std::string draw() const {
    std::string text = fmt::format(
        "<svg class=\"chart\" role=\"img\" aria-labelledby=\"{0}-title {0}-desc\" viewBox=\"0 0 {1:g} {2:g}\">\n"
        "<title id=\"{0}-title\">{3}</title>\n<desc id=\"{0}-desc\">{4}</desc>\n",
        html_escaped(chart_.id), kWidth, kHeight, html_escaped(chart_.title), html_escaped(chart_.description));
    text += value_axis() + step_axis();
    for (std::size_t i = 0; i < chart_.series.size(); ++i) text += line(chart_.series[i], i);
    for (std::size_t i = 0; i < chart_.series.size(); ++i) text += dots(chart_.series[i], i);
    return text + "</svg>\n";
  }

 private:
  double x_of(double step) const { return kLeft + step / static_cast<double>(last_) * kPlotWidth; }
  double y_of(double value) const { return kTop + (high_ - value) / (high_ - low_) * kPlotHeight; }
  std::string place(std::int64_t step, double value) const {
    return fmt::format("{:.2f},{:.2f} ", x_of(static_cast<double>(step)), y_of(value));
  }

  std::string value_axis() const {
    std::string text;
    for (const double tick : linear_ticks(low_, high_, kValueTicks))
      text += fmt::format(
          "<line class=\"grid\" x1=\"{1:g}\" x2=\"{2:g}\" y1=\"{0:.2f}\" y2=\"{0:.2f}\"/>"
          "<text class=\"tick\" x=\"{3:g}\" y=\"{0:.2f}\" dy=\"0.35em\" text-anchor=\"end\">{4:g}</text>\n",
          y_of(tick), kLeft, kLeft + kPlotWidth, kLeft - 8, tick);
    return text + fmt::format(
                      "<text class=\"axis\" text-anchor=\"middle\" transform=\"translate(15 {:g}) "
                      "rotate(-90)\">{}</text>\n",
                      kTop + kPlotHeight / 2, html_escaped(chart_.value_label));
  }

  std::string step_axis() const {
    const double bottom = kTop + kPlotHeight, last = static_cast<double>(last_);
    std::string text = fmt::format("<line class=\"base\" x1=\"{0:g}\" x2=\"{1:g}\" y1=\"{2:g}\" y2=\"{2:g}\"/>\n",
                                   kLeft, kLeft + kPlotWidth, bottom);
    for (const double tick : linear_ticks(0, last, last >= kLongSteps ? kLongStepTicks : kStepTicks)) {
      if (tick != std::floor(tick)) continue;
      text += fmt::format(
          "<line class=\"base\" x1=\"{0:.2f}\" x2=\"{0:.2f}\" y1=\"{1:g}\" y2=\"{2:g}\"/>"
          "<text class=\"tick\" x=\"{0:.2f}\" y=\"{3:g}\" text-anchor=\"middle\">{4}</text>\n",
          x_of(tick), bottom, bottom + 5, bottom + 21, static_cast<std::int64_t>(tick));
    }
    return text + fmt::format("<text class=\"axis\" x=\"{:g}\" y=\"{:g}\" text-anchor=\"middle\">steps</text>\n",
                              kLeft + kPlotWidth / 2, kHeight - 8);
  }

  std::string line(const ChartSeries& series, std::size_t number) const {
    std::string points;
    std::int64_t before = series.begin;
    for (const ChartPoint& point : series.points) {
      if (series.line == ChartSeries::Line::upper_bounds) points += place(before, point.value);
      points += place(point.step, point.value);
      before = point.step;
    }
    points.pop_back();
    return fmt::format("<polyline class=\"line series{}{}\" points=\"{}\"/>\n", number, series.dashed ? " dashed" : "",
                       points);
  }

  std::string dots(const ChartSeries& series, std::size_t number) const {
    std::string text;
    const std::string name = chart_.series.size() > 1 ? series.name + ", " : "";
    for (const ChartPoint& point : series.points) {
      const double x = x_of(static_cast<double>(point.step)), y = y_of(point.value);
      text += fmt::format(
          "<g class=\"point series{0}\"><title>{1}</title><circle class=\"reach\" cx=\"{2:.2f}\" cy=\"{3:.2f}\" "
          "r=\"9\"/><circle class=\"dot\" cx=\"{2:.2f}\" cy=\"{3:.2f}\" r=\"{4}\"/></g>\n",
          number, html_escaped(fmt::format("{}step {}: {}", name, point.step, point.text)), x, y,
          series.line == ChartSeries::Line::upper_bounds ? "2" : "3.5");
    }
    return text;
  }

  const HtmlChart& chart_;
  std::int64_t last_ = 1;
  double low_ = 0, high_ = 0;
};

std::string legend(const HtmlChart& chart) {
  if (chart.series.size() < 2) return "";
  std::string text = "<ul class=\"legend\">\n";
  for (std::size_t i = 0; i < chart.series.size(); ++i)
    text += fmt::format(
        "<li><svg aria-hidden=\"true\" viewBox=\"0 0 28 10\"><line class=\"line series{}{}\" x1=\"1\" x2=\"27\" "
        "y1=\"5\" y2=\"5\"/></svg>{}</li>\n",
        i, chart.series[i].dashed ? " dashed" : "", html_escaped(chart.series[i].name));
  return text + "</ul>\n";
}

HtmlTable table(const HtmlChart& chart) {
  HtmlTable table{.caption = chart.title, .columns = {"step"}, .rows = {}};
  std::map<std::int64_t, std::vector<std::string>> rows;
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    table.columns.push_back(chart.series[i].name);
    for (const ChartPoint& point : chart.series[i].points) {
      std::vector<std::string>& row = rows[point.step];
      row.resize(chart.series.size() + 1);
      row[i + 1] = point.text;
    }
  }
  for (auto& [step, row] : rows) {
    row[0] = fmt::format("{}", step);
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace

std::string to_html(const HtmlChart& chart) {
  check(chart);
  return fmt::format("<figure class=\"chart\">\n<figcaption>{}</figcaption>\n", html_escaped(chart.title)) +
         legend(chart) + Picture(chart).draw() + (chart.with_table ? to_html(table(chart)) : "") + "</figure>\n";
}

}  // namespace sotto::tools
