#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/html_chart.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <regex>
#include <string>
#include <utility>
#include <vector>

namespace sotto::tools {
namespace {

using ::testing::HasSubstr;

HtmlChart example() {
  HtmlChart chart{
      .id = "quality", .title = "Quality", .description = "It grows.", .value_label = "accuracy", .series = {}};
  chart.series = {{.name = "one", .points = {{0, 0.1, "0.1"}, {40, 0.7, "0.7"}, {100, 0.85, "0.85"}}},
                  {.name = "two", .points = {{40, 0.25, "0.25"}}}};
  return chart;
}

std::vector<std::vector<double>> numbers(const std::string& markup, const std::string& pattern) {
  std::vector<std::vector<double>> found;
  const std::regex expression(pattern);
  for (std::sregex_iterator i(markup.begin(), markup.end(), expression), end; i != end; ++i) {
    std::vector<double> groups;
    for (std::size_t g = 1; g < i->size(); ++g) groups.push_back(std::strtod((*i)[g].str().c_str(), nullptr));
    found.push_back(groups);
  }
  return found;
}

// A reader's way: the value at a place lies on the line through the first and the last tick.
struct Scale {
  double at0, per;
  explicit Scale(const std::vector<std::vector<double>>& place_and_value) {
    const auto &first = place_and_value.front(), &last = place_and_value.back();
    per = (last[1] - first[1]) / (last[0] - first[0]);
    at0 = first[1] - per * first[0];
  }
  double operator()(double place) const { return at0 + per * place; }
};
Scale steps_of(const std::string& markup) {
  return Scale(numbers(markup, "class=\"tick\" x=\"([0-9.]+)\" y=\"[0-9.]+\" text-anchor=\"middle\">([0-9]+)<"));
}
Scale values_of(const std::string& markup) {
  return Scale(
      numbers(markup, "class=\"tick\" x=\"[0-9.]+\" y=\"([0-9.]+)\" dy=\"0.35em\" text-anchor=\"end\">([-0-9.e]+)<"));
}

TEST(HtmlChart, DotsLieWhereTheTicksSayThatTheirValuesAre) {
  for (const bool from_zero : {false, true}) {
    HtmlChart chart = example();
    chart.from_zero = from_zero;
    const std::string markup = to_html(chart);
    const Scale step = steps_of(markup), value = values_of(markup);
    const auto dots = numbers(markup, "class=\"dot\" cx=\"([0-9.]+)\" cy=\"([0-9.]+)\"");
    const std::vector<std::pair<double, double>> expected = {{0, 0.1}, {40, 0.7}, {100, 0.85}, {40, 0.25}};
    ASSERT_EQ(dots.size(), expected.size());
    for (std::size_t i = 0; i < dots.size(); ++i) {
      EXPECT_NEAR(step(dots[i][0]), expected[i].first, 0.02);  // places have two decimals
      EXPECT_NEAR(value(dots[i][1]), expected[i].second, 1e-4);
    }
  }
}

TEST(HtmlChart, FrameIsThatOfTheFormula) {
  const std::string markup = to_html(example());
  const auto base = numbers(markup, "class=\"base\" x1=\"([0-9.]+)\" x2=\"([0-9.]+)\" y1=\"([0-9.]+)\"").front();
  const Scale step = steps_of(markup), value = values_of(markup);
  EXPECT_NEAR(step(base[0]), 0, 0.02);
  EXPECT_NEAR(step(base[1]), 100, 0.02);
  EXPECT_NEAR(value(base[2]), 0.1 - kChartMargin * 0.75, 1e-4);
}

TEST(HtmlChart, GridLinesStandAtTheirNumbers) {
  const auto ticks = numbers(to_html(example()),
                             "class=\"grid\"[^>]*y1=\"([0-9.]+)\"[^>]*/><text class=\"tick\"[^>]* y=\"([0-9.]+)\"");
  EXPECT_GE(ticks.size(), 3u);
  for (const auto& tick : ticks) EXPECT_EQ(tick[0], tick[1]);
}

// No point of the line may lie below what is certified there: between two points that is the bound of the later one.
TEST(HtmlChart, UpperBoundsAreDrawnAsStairsOfTheLaterValue) {
  HtmlChart chart = example();
  chart.from_zero = true;
  chart.series = {
      {.name = "bound", .points = {{50, 2, "2"}, {100, 3, "3"}}, .line = ChartSeries::Line::upper_bounds, .begin = 10}};
  const std::string markup = to_html(chart);
  std::smatch line;
  ASSERT_TRUE(std::regex_search(markup, line, std::regex("<polyline[^>]*points=\"([^\"]*)\"")));
  const auto corners = numbers(line[1], "([0-9.]+),([0-9.]+)");
  const Scale step = steps_of(markup), value = values_of(markup);
  const std::vector<std::pair<double, double>> expected = {{10, 2}, {50, 2}, {50, 3}, {100, 3}};
  ASSERT_EQ(corners.size(), expected.size());
  for (std::size_t i = 0; i < corners.size(); ++i) {
    EXPECT_NEAR(step(corners[i][0]), expected[i].first, 0.02);
    EXPECT_NEAR(value(corners[i][1]), expected[i].second, 1e-3);
  }
}

TEST(HtmlChart, TellsItsValuesToThoseWhoDoNotSeeThePicture) {
  const std::string markup = to_html(example());
  EXPECT_THAT(markup, HasSubstr("role=\"img\" aria-labelledby=\"quality-title quality-desc\""));
  EXPECT_THAT(markup, HasSubstr("<title id=\"quality-title\">Quality</title>"));
  EXPECT_THAT(markup, HasSubstr("<desc id=\"quality-desc\">It grows.</desc>"));
  EXPECT_THAT(markup, HasSubstr("<title>one, step 40: 0.7</title>"));
  EXPECT_THAT(markup, HasSubstr("<th scope=\"col\">step</th><th scope=\"col\">one</th><th scope=\"col\">two</th>"));
  EXPECT_THAT(markup, HasSubstr("<tr><th scope=\"row\">40</th><td>0.7</td><td>0.25</td></tr>"));
  EXPECT_THAT(markup, HasSubstr("<tr><th scope=\"row\">100</th><td>0.85</td><td></td></tr>"));
}

TEST(HtmlChart, EqualValuesAndOneStepHaveAPlace) {
  for (const double value : {0.0, 0.5, -3.0, 1e-300, 1e300}) {
    HtmlChart chart = example();
    chart.series = {{.name = "flat", .points = {{0, value, "v"}}}};
    const std::string markup = to_html(chart);
    for (const auto& dot : numbers(markup, "class=\"dot\" cx=\"([-0-9.]+)\" cy=\"([-0-9.]+)\"")) {
      EXPECT_TRUE(dot[0] >= 0 && dot[0] <= 480) << value;
      EXPECT_TRUE(dot[1] >= 0 && dot[1] <= 300) << value;
    }
    EXPECT_EQ(markup.find("nan"), std::string::npos) << value;
  }
}

TEST(HtmlChart, TextsAreEscaped) {
  HtmlChart chart = example();
  chart.title = chart.description = chart.value_label = chart.series[0].name = "<b>&\"";
  chart.series[0].points[0].text = "<i>";
  const std::string markup = to_html(chart);
  EXPECT_THAT(markup, HasSubstr("&lt;b&gt;&amp;&quot;"));
  EXPECT_EQ(markup.find("<b>"), std::string::npos);
  EXPECT_EQ(markup.find("<i>"), std::string::npos);
}

TEST(HtmlChart, RefusesWhatHasNoPlace) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  const auto refuses = [](const std::vector<ChartPoint>& points) {
    HtmlChart chart = example();
    chart.series[0].points = points;
    EXPECT_THROW(to_html(chart), UsageError);
  };
  refuses({});
  refuses({{1, nan, ""}});
  refuses({{1, infinity, ""}});
  refuses({{-1, 0, ""}});
  refuses({{2, 0, ""}, {2, 0, ""}});
  refuses({{2, 0, ""}, {1, 0, ""}});
  refuses({{1, 1.7e308, ""}, {2, -1.7e308, ""}});
  HtmlChart chart = example();
  chart.series.resize(kMostSeries + 1, chart.series[0]);
  EXPECT_THROW(to_html(chart), UsageError);
  chart.series.clear();
  EXPECT_THROW(to_html(chart), UsageError);
}

}  // namespace
}  // namespace sotto::tools
