#include <gtest/gtest.h>
#include <sotto/privacy/calibration_search.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

RealSearch noise_search(std::function<double(double)> epsilon, double start = 1) {
  return {.epsilon = std::move(epsilon),
          .target = 1,
          .falls = true,
          .start = start,
          .least = 1e-6,
          .most = 1e60,
          .tolerance = 1e-9};
}

TEST(CalibrationSearch, FindsTheEdgeOfAPowerLawFromAnyStart) {
  for (const double power : {0.3, 1.0, 2.0, 8.0}) {
    for (const double start : {1e-6, 1e-3, 0.99, 1.0, 40.0, 1e30, 1e60}) {
      int calls = 0;
      const auto edge = find_edge(noise_search(
          [&](double noise) {
            ++calls;
            return std::pow(noise / 3, -power);
          },
          start));
      ASSERT_TRUE(edge);
      EXPECT_LE(edge->epsilon, 1);
      EXPECT_GE(edge->value, 3 * (1 - 1e-15));
      EXPECT_LE(edge->value, 3 * (1 + 2e-9)) << power << ", " << start;
      EXPECT_LE(calls, 60) << power << ", " << start;
    }
  }
}

TEST(CalibrationSearch, GrowingParametersHaveTheirEdgeBelow) {
  const auto edge = find_edge(RealSearch{.epsilon = [](double rate) { return 50 * rate; },
                                         .target = 1,
                                         .falls = false,
                                         .start = 1,
                                         .least = 1e-300,
                                         .most = 1,
                                         .tolerance = 1e-9});
  ASSERT_TRUE(edge);
  EXPECT_LE(edge->value, 0.02 * (1 + 1e-15));
  EXPECT_GE(edge->value, 0.02 * (1 - 2e-9));
}

// Only values that were seen to be good are returned, however jagged the accountant is.
TEST(CalibrationSearch, ReturnsOnlyWhatItSawToBeGood) {
  std::mt19937_64 random(8);
  std::uniform_real_distribution<double> jitter(0.7, 1.4);
  for (int i = 0; i < 300; ++i) {
    std::vector<std::pair<double, double>> seen;
    const auto edge = find_edge(noise_search([&](double noise) {
      seen.emplace_back(noise, jitter(random) * 5 / noise);
      return seen.back().second;
    }));
    ASSERT_TRUE(edge);
    EXPECT_LE(edge->epsilon, 1);
    EXPECT_NE(std::find(seen.begin(), seen.end(), std::pair{edge->value, edge->epsilon}), seen.end());
    EXPECT_LE(seen.size(), 200u);
  }
}

TEST(CalibrationSearch, InfiniteAndUndefinedEpsilonsAreBad) {
  for (const double bad : {kInfinity, kNan}) {
    const auto edge = find_edge(noise_search([&](double noise) { return noise < 7 ? bad : 0.5; }));
    ASSERT_TRUE(edge);
    EXPECT_GE(edge->value, 7);
    EXPECT_LE(edge->value, 7 * (1 + 1e-6));
  }
}

TEST(CalibrationSearch, NothingGoodIsNothingAndAllGoodIsTheEnd) {
  EXPECT_FALSE(find_edge(noise_search([](double) { return 1.5; })));
  EXPECT_FALSE(find_edge(noise_search([](double) { return kInfinity; })));
  EXPECT_EQ(find_edge(noise_search([](double) { return 0.5; }))->value, 1e-6);
  EXPECT_EQ(find_edge(noise_search([](double) { return 0.0; }))->value, 1e-6);
  const CountSearch none{.epsilon = [](int64_t) { return 2.0; }, .target = 1, .start = 1, .most = 100};
  EXPECT_FALSE(find_edge(none));
  const CountSearch all{.epsilon = [](int64_t) { return 0.0; }, .target = 1, .start = 1, .most = int64_t{1} << 53};
  EXPECT_EQ(find_edge(all)->value, int64_t{1} << 53);
}

// An exception says nothing about the direction.
TEST(CalibrationSearch, ExceptionsPassThrough) {
  EXPECT_THROW(find_edge(noise_search([](double noise) -> double {
                 if (noise > 2) throw std::runtime_error("refused");
                 return 5;
               })),
               std::runtime_error);
}

TEST(CalibrationSearch, CountsAreExactFromAnyStart) {
  std::mt19937_64 random(9);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (int i = 0; i < 2000; ++i) {
    const int64_t most = i % 3 ? int64_t{1} << 53 : 1000;
    const auto edge_at = static_cast<int64_t>(std::pow(static_cast<double>(most), uniform(random)));
    const double power = 0.05 + 2 * uniform(random), floor = i % 2 ? 0 : 0.9;
    const auto start = static_cast<int64_t>(std::pow(static_cast<double>(most), uniform(random)));
    int calls = 0;
    const auto ratio = [&](int64_t count) { return static_cast<double>(count) / static_cast<double>(edge_at); };
    const CountSearch search{.epsilon =
                                 [&](int64_t count) {
                                   ++calls;
                                   if (count > edge_at) return 1.001 + power * ratio(count - edge_at);
                                   return floor + (1 - floor) * std::pow(ratio(count), power);
                                 },
                             .target = 1,
                             .start = start,
                             .most = most};
    const auto edge = find_edge(search);
    ASSERT_TRUE(edge);
    EXPECT_EQ(edge->value, edge_at) << most << ", " << power << ", " << floor << ", " << start;
    EXPECT_LE(calls, 220) << most << ", " << edge_at << ", " << power << ", " << floor << ", " << start;
  }
}

}  // namespace
}  // namespace sotto::privacy
