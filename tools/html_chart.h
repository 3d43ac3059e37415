#pragma once
// A line chart over the steps of a run as inline SVG of an HTML page, with its values as a table below.
//
// Colours and fonts are those of the page (html_page.h), by class; no file is referred to. Every point is a <circle
// class="dot"> with a <title> that a mouse finds; people who do not see the picture get its title and description
// (role="img") and the table.

#include <cstdint>
#include <string>
#include <vector>

namespace sotto::tools {

struct ChartPoint {
  std::int64_t step = 0;  // >= 0
  double value = 0;       // finite
  std::string text;       // the value as the table shows it
};

struct ChartSeries {
  enum class Line {
    straight,      // from point to point
    upper_bounds,  // stairs: from each point back to the one before, the value of the later one
  };
  std::string name;
  std::vector<ChartPoint> points;  // growing in step; at least one
  Line line = Line::straight;
  bool dashed = false;
  std::int64_t begin = 0;  // of stairs: the step at which the first one begins
};

struct HtmlChart {
  std::string id;  // letters, digits and hyphens; unique in the page
  std::string title, description;
  std::string value_label;  // of the vertical axis; the other one is "steps"
  bool from_zero = false;   // the vertical axis begins at 0
  bool with_table = true;   // otherwise the page holds the values elsewhere
  std::vector<ChartSeries> series;
};

// A <figure>. With a = 0 or the least value, b the largest, margins of kChartMargin (b - a) on the sides that are not
// 0, and the frame of the picture, a point lies at
//
//     x = left + width step / last step,   y = top + height (high - value) / (high - low).
//
// All texts are escaped. Throws UsageError for an empty series or chart, steps that do not grow, values that are not
// finite, and more than kMostSeries.
std::string to_html(const HtmlChart& chart);

inline constexpr double kChartMargin = 0.08;
inline constexpr std::size_t kMostSeries = 3;

}  // namespace sotto::tools
