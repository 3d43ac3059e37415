#pragma once
// Line plots as a self-contained SVG picture: axes, ticks, labels, legend. No fonts, scripts or files are referred to.

#include <string>
#include <vector>

namespace sotto::tools {

struct PlotPoint {
  double x = 0, y = 0;
};

struct PlotLine {
  enum class Style { solid, dashed, dotted };
  enum class Marks { none, dots, rings };  // at every point
  std::string name;                        // in the legend
  Style style = Style::solid;
  Marks marks = Marks::none;
  std::vector<PlotPoint> points =
      {};  // finite, x growing; on a logarithmic axis points that are not above 0 are left out
};

struct Plot {
  std::string title, x_label, y_label;
  bool logarithmic_x = false;  // ticks at the points' places where these are few, else at powers of ten
  bool logarithmic_y = false;
  bool rising = false;  // the legend goes below the lines and not above them
  std::vector<PlotLine> lines = {};
};

// The plots side by side, with the captions below, broken into lines. All texts are escaped.
std::string draw_plots(const std::vector<Plot>& plots, const std::vector<std::string>& captions);

// Round values in [low, high], about `wanted` of them: multiples of 1, 2 or 5 times a power of ten. low < high.
std::vector<double> linear_ticks(double low, double high, int wanted);
// Exponents of ten in [low, high], every one or as many apart as keeps them to about `wanted`.
std::vector<int> decade_ticks(double low, double high, int wanted);

}  // namespace sotto::tools
