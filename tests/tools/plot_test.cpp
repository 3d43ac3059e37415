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
