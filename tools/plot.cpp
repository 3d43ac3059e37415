#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/html_text.h>
#include <sotto/tools/plot.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <sstream>
#include <utility>

namespace sotto::tools {
namespace {

constexpr double kPlotWidth = 420, kPlotHeight = 320;
constexpr double kLeft = 78, kRight = 22, kTop = 40, kBottom = 56;
constexpr double kMargin = 20, kCaptionLine = 17, kCaptionSize = 11, kCaptionCharacter = 6.4;
constexpr double kLeastDecades = 1;
constexpr double kPlace = 0.5;  // to either side of a single place, of an axis' unit or decade
constexpr std::array kColours = {"#0b5fa5", "#c2410c", "#3f7d20", "#6b21a8", "#be185d", "#0f766e"};

std::vector<std::string> broken(const std::string& text, size_t width) {
  std::vector<std::string> lines(1);
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (!lines.back().empty() && lines.back().size() + 1 + word.size() > width) lines.emplace_back();
    lines.back() += (lines.back().empty() ? "" : " ") + word;
  }
  return lines;
}

const char* dashes(PlotLine::Style style) {
  switch (style) {
    case PlotLine::Style::solid:
      return "";
    case PlotLine::Style::dashed:
      return " stroke-dasharray=\"7 4\"";
    case PlotLine::Style::dotted:
      return " stroke-dasharray=\"2 4\"";
  }
  throw InternalError("[plot] not a style");
}

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

class Panel {
 public:
  Panel(const Plot& plot, double left) : plot_(plot), left_(left) {
    for (const PlotLine& line : plot.lines)
      for (const PlotPoint& point : line.points)
        if (visible(point)) x_.include(place_value(point.x)), y_.include(height_value(point.y));
    if (x_.low == x_.high) x_ = {x_.low - kPlace, x_.high + kPlace};
    if (!(x_.low < x_.high)) x_ = {0, 1};
    if (plot.logarithmic_y) {
      if (!(y_.low <= y_.high)) y_ = {-1, 0};
      y_.low = std::min(y_.low, y_.high - kLeastDecades);
    } else if (!(y_.low < y_.high)) {
      y_ = {0, 1};
    }
  }

  std::string draw() const { return frame() + x_axis() + y_axis() + lines() + legend(); }

 private:
  bool visible(const PlotPoint& point) const {
    return (!plot_.logarithmic_x || point.x > 0) && (!plot_.logarithmic_y || point.y > 0);
  }
  double place_value(double x) const { return plot_.logarithmic_x ? std::log10(x) : x; }
  double height_value(double y) const { return plot_.logarithmic_y ? std::log10(y) : y; }
  double x_of(double value) const { return left_ + kLeft + (value - x_.low) / (x_.high - x_.low) * kPlotWidth; }
  double y_of(double value) const { return kTop + (y_.high - value) / (y_.high - y_.low) * kPlotHeight; }

  std::string frame() const {
    return fmt::format(
        "<text x=\"{:.1f}\" y=\"24\" text-anchor=\"middle\" font-size=\"15\">{}</text>\n"
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"none\" stroke=\"#444444\"/>\n",
        left_ + kLeft + kPlotWidth / 2, html_escaped(plot_.title), left_ + kLeft, kTop, kPlotWidth, kPlotHeight);
  }

  // Places on a logarithmic axis, far enough apart for their labels, and the labels.
  std::vector<std::pair<double, std::string>> logarithmic_ticks() const {
    constexpr size_t kMost = 10;
    constexpr int kWanted = 6;
    constexpr double kApart = 40;
    std::set<double> places;
    for (const PlotLine& line : plot_.lines)
      for (const PlotPoint& point : line.points)
        if (visible(point)) places.insert(point.x);
    std::vector<std::pair<double, std::string>> ticks;
    if (places.size() > kMost) {
      for (const int exponent : decade_ticks(x_.low, x_.high, kWanted))
        ticks.emplace_back(exponent, fmt::format("1e{}", exponent));
      return ticks;
    }
    for (const double place : places)
      if (ticks.empty() || x_of(std::log10(place)) - x_of(ticks.back().first) >= kApart)
        ticks.emplace_back(std::log10(place), fmt::format("{}", place));
    return ticks;
  }

  std::string x_axis() const {
    constexpr int kWanted = 6;
    std::string text;
    const auto tick = [&](double value, const std::string& label) {
      text += fmt::format(
          "<line x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\" stroke=\"#dddddd\"/>"
          "<text x=\"{0:.1f}\" y=\"{3:.1f}\" text-anchor=\"middle\">{4}</text>\n",
          x_of(value), kTop, kTop + kPlotHeight, kTop + kPlotHeight + 18, label);
    };
    if (plot_.logarithmic_x) {
      for (const auto& [value, label] : logarithmic_ticks()) tick(value, label);
    } else {
      for (const double value : linear_ticks(x_.low, x_.high, kWanted)) tick(value, fmt::format("{:g}", value));
    }
    return text + fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n",
                              left_ + kLeft + kPlotWidth / 2, kTop + kPlotHeight + 40, html_escaped(plot_.x_label));
  }

  std::string y_axis() const {
    constexpr int kWanted = 7;
    std::string text;
    const auto tick = [&](double value, const std::string& label) {
      text += fmt::format(
          "<line x1=\"{1:.1f}\" y1=\"{0:.1f}\" x2=\"{2:.1f}\" y2=\"{0:.1f}\" stroke=\"#dddddd\"/>"
          "<text x=\"{3:.1f}\" y=\"{4:.1f}\" text-anchor=\"end\">{5}</text>\n",
          y_of(value), left_ + kLeft, left_ + kLeft + kPlotWidth, left_ + kLeft - 7, y_of(value) + 4, label);
    };
    if (plot_.logarithmic_y) {
      for (const int exponent : decade_ticks(y_.low, y_.high, kWanted)) tick(exponent, fmt::format("1e{}", exponent));
    } else {
      for (const double value : linear_ticks(y_.low, y_.high, kWanted)) tick(value, fmt::format("{:g}", value));
    }
    const double x = left_ + 18, y = kTop + kPlotHeight / 2;
    return text + fmt::format(
                      "<text x=\"{0:.1f}\" y=\"{1:.1f}\" text-anchor=\"middle\" "
                      "transform=\"rotate(-90 {0:.1f} {1:.1f})\">{2}</text>\n",
                      x, y, html_escaped(plot_.y_label));
  }

  std::string lines() const {
    std::string text;
    for (size_t i = 0; i < plot_.lines.size(); ++i) {
      std::string points;
      for (const PlotPoint& point : plot_.lines[i].points)
        if (visible(point))
          points += fmt::format("{:.2f},{:.2f} ", x_of(place_value(point.x)), y_of(height_value(point.y)));
      text += fmt::format("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"2\"{} points=\"{}\"/>\n",
                          kColours[i % kColours.size()], dashes(plot_.lines[i].style), points);
      text += marks(plot_.lines[i], kColours[i % kColours.size()]);
    }
    return text;
  }

  std::string marks(const PlotLine& line, const char* colour) const {
    if (line.marks == PlotLine::Marks::none) return "";
    constexpr double kDot = 3, kRing = 7;
    const bool ring = line.marks == PlotLine::Marks::rings;
    std::string text;
    for (const PlotPoint& point : line.points)
      if (visible(point))
        text += fmt::format("<circle cx=\"{:.2f}\" cy=\"{:.2f}\" r=\"{:g}\" {}=\"{}\"/>\n", x_of(place_value(point.x)),
                            y_of(height_value(point.y)), ring ? kRing : kDot,
                            ring ? "fill=\"none\" stroke-width=\"2\" stroke" : "fill", colour);
    return text;
  }

  // In the corner that the lines leave free.
  std::string legend() const {
    constexpr double kRow = 18, kSample = 30, kWidth = 176;
    const double right = left_ + kLeft + kPlotWidth - 8, height = kRow * static_cast<double>(plot_.lines.size()) + 8;
    const double top = plot_.rising ? kTop + kPlotHeight - 8 - height : kTop + 8;
    std::string text = fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"#ffffff\" stroke=\"#bbbbbb\"/>\n",
        right - kWidth, top, kWidth, height);
    for (size_t i = 0; i < plot_.lines.size(); ++i) {
      const double y = top + kRow * (static_cast<double>(i) + 0.75);
      const double x = right - kWidth + 8;
      text += fmt::format(
          "<line x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{2:.1f}\" y2=\"{1:.1f}\" stroke=\"{3}\" stroke-width=\"2\"{4}/>"
          "<text x=\"{5:.1f}\" y=\"{6:.1f}\">{7}</text>\n",
          x, y, x + kSample, kColours[i % kColours.size()], dashes(plot_.lines[i].style), x + kSample + 8, y + 4,
          html_escaped(plot_.lines[i].name));
    }
    return text;
  }

  const Plot& plot_;
  double left_;
  Range x_, y_;
};

}  // namespace

std::vector<double> linear_ticks(double low, double high, int wanted) {
  SOTTO_ASSERT(std::isfinite(low) && std::isfinite(high) && low < high && wanted >= 1);
  const double rough = (high - low) / wanted;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = power;
  for (const double factor : {2, 5, 10})
    if (step < rough * (1 - 1e-9)) step = factor * power;
  std::vector<double> ticks;
  const double slack = 1e-9 * step;
  for (double index = std::ceil((low - slack) / step); index * step <= high + slack; ++index) {
    ticks.push_back(index == 0 ? 0 : index * step);
    if (ticks.size() > 2 * static_cast<size_t>(wanted) + 2) break;
  }
  return ticks;
}

std::vector<int> decade_ticks(double low, double high, int wanted) {
  SOTTO_ASSERT(std::isfinite(low) && std::isfinite(high) && low < high && wanted >= 1);
  const int first = static_cast<int>(std::ceil(low - 1e-9)), last = static_cast<int>(std::floor(high + 1e-9));
  const int stride = std::max(1, (last - first + wanted - 1) / wanted);
  std::vector<int> ticks;
  for (int exponent = last; exponent >= first; exponent -= stride) ticks.push_back(exponent);
  std::ranges::reverse(ticks);
  return ticks;
}

std::string draw_plots(const std::vector<Plot>& plots, const std::vector<std::string>& captions) {
  const double panel = kLeft + kPlotWidth + kRight;
  const double width = panel * static_cast<double>(plots.size());
  std::vector<std::string> lines;
  for (const std::string& caption : captions)
    for (std::string& line : broken(caption, static_cast<size_t>((width - 2 * kMargin) / kCaptionCharacter)))
      lines.push_back(std::move(line));
  const double top = kTop + kPlotHeight + kBottom;
  const double height = top + kCaptionLine * static_cast<double>(lines.size()) + kMargin / 2;
  std::string text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
      "font-family=\"sans-serif\" font-size=\"12\" fill=\"#222222\">\n"
      "<rect width=\"{0:.0f}\" height=\"{1:.0f}\" fill=\"#ffffff\"/>\n",
      width, height);
  for (size_t i = 0; i < plots.size(); ++i) text += Panel(plots[i], panel * static_cast<double>(i)).draw();
  for (size_t i = 0; i < lines.size(); ++i)
    text += fmt::format("<text x=\"{:g}\" y=\"{:.1f}\" font-size=\"{:g}\">{}</text>\n", kMargin,
                        top + kCaptionLine * (static_cast<double>(i) + 0.8), kCaptionSize, html_escaped(lines[i]));
  return text + "</svg>\n";
}

}  // namespace sotto::tools
