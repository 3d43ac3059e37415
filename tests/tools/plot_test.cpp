#include <gtest/gtest.h>
#include <sotto/tools/plot.h>

#include <string>
#include <vector>

namespace sotto::tools {
namespace {

TEST(LinearTicks, AreRoundAndCoverTheRange) {
  EXPECT_EQ(linear_ticks(0, 1, 5), (std::vector<double>{0, 0.2, 0.4, 0.6000000000000001, 0.8, 1}));
  EXPECT_EQ(linear_ticks(0, 10, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(linear_ticks(3, 47, 5), (std::vector<double>{10, 20, 30, 40}));
}

TEST(LinearTicks, AreFewForAnyRange) {
  for (const double high : {1e-300, 1e-9, 0.7, 349.7, 1e9, 1e300})
    for (const int wanted : {1, 6, 20}) {
      const auto ticks = linear_ticks(0, high, wanted);
      EXPECT_GE(ticks.size(), 1u);
      EXPECT_LE(ticks.size(), 2u * wanted + 3);
      EXPECT_LE(ticks.back(), high * (1 + 1e-8));
    }
}

TEST(DecadeTicks, SkipDecadesInLongRanges) {
  EXPECT_EQ(decade_ticks(-3, 0, 7), (std::vector<int>{-3, -2, -1, 0}));
  EXPECT_EQ(decade_ticks(-2.5, -0.5, 7), (std::vector<int>{-2, -1}));
  EXPECT_LE(decade_ticks(-300, 0, 7).size(), 8u);
}

TEST(DrawPlots, EscapesTextsAndLeavesOutWhatALogarithmHasNoPlaceFor) {
  const Plot plot{.title = "a < b & c",
                  .x_label = "x",
                  .y_label = "y",
                  .logarithmic_y = true,
                  .lines = {{.name = "\"line\"", .points = {{0, 1}, {1, 0.1}, {2, 0}}}}};
  const std::string picture = draw_plots({plot}, {"caption <1>"});
  EXPECT_NE(picture.find("a &lt; b &amp; c"), std::string::npos);
  EXPECT_NE(picture.find("&quot;line&quot;"), std::string::npos);
  EXPECT_NE(picture.find("caption &lt;1&gt;"), std::string::npos);
  EXPECT_EQ(picture.find("inf"), std::string::npos);
}

// A panel is 420 wide from 78 on, and 320 high from 40 on.
TEST(DrawPlots, MarksStandAtTheirPlaces) {
  const Plot plot{
      .title = "t",
      .x_label = "x",
      .y_label = "y",
      .logarithmic_x = true,
      .logarithmic_y = true,
      .lines = {
          {.name = "dots", .marks = PlotLine::Marks::dots, .points = {{0, 1}, {1, 1}, {10, 10}, {100, 1000}, {100, 0}}},
          {.name = "ring", .marks = PlotLine::Marks::rings, .points = {{10, 10}}}}};
  const std::string picture = draw_plots({plot}, {});
  for (const char* part :
       {"<circle cx=\"78.00\" cy=\"360.00\" r=\"3\" fill=\"#", "<circle cx=\"288.00\" cy=\"253.33\" r=\"3\" fill=\"#",
        "<circle cx=\"498.00\" cy=\"40.00\" r=\"3\" fill=\"#",
        "<circle cx=\"288.00\" cy=\"253.33\" r=\"7\" fill=\"none\"", ">1<", ">10<", ">100<"})
    EXPECT_NE(picture.find(part), std::string::npos) << part << "\n" << picture;
  size_t circles = 0;
  for (size_t at = picture.find("<circle"); at != std::string::npos; at = picture.find("<circle", at + 1)) ++circles;
  EXPECT_EQ(circles, 4u) << "zero has no place on a logarithmic axis";
}

TEST(DrawPlots, TicksOfALogarithmicAxisAreAtThePointsUntilTheyAreMany) {
  Plot plot{.title = "t", .x_label = "x", .y_label = "y", .logarithmic_x = true, .lines = {{.name = "l"}}};
  plot.lines[0].points = {{3, 1}, {3.01, 2}, {96, 3}};
  const std::string few = draw_plots({plot}, {});
  EXPECT_NE(few.find("middle\">3</text>"), std::string::npos);
  EXPECT_EQ(few.find("middle\">3.01</text>"), std::string::npos) << "labels overlap";
  EXPECT_NE(few.find("middle\">96</text>"), std::string::npos);
  plot.lines[0].points.clear();
  for (int i = 1; i <= 20; ++i) plot.lines[0].points.push_back({10.0 * i, 1.0 * i});
  const std::string many = draw_plots({plot}, {});
  EXPECT_NE(many.find("middle\">1e1</text>"), std::string::npos);
  EXPECT_EQ(many.find("middle\">20</text>"), std::string::npos);
}

TEST(DrawPlots, LongCaptionsAreBroken) {
  std::string caption;
  for (int i = 0; i < 100; ++i) caption += "word ";
  const std::string picture = draw_plots({{.title = "t", .x_label = "x", .y_label = "y"}}, {caption});
  size_t lines = 0;
  for (size_t at = picture.find(">word"); at != std::string::npos; at = picture.find(">word", at + 1)) ++lines;
  EXPECT_GE(lines, 5u);
}

}  // namespace
}  // namespace sotto::tools
