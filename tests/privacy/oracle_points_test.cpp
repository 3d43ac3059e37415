// The accountants against an independent oracle (oracle/exact_epsilon.h) at 200 random points.

#include <gtest/gtest.h>
#include <sotto/privacy/accountant.h>
#include <sotto/privacy/error.h>

#include <cmath>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "exact_epsilon.h"

namespace sotto::privacy {
namespace {

struct Point {
  double sampling_rate;
  double noise_multiplier;
  int64_t steps;
  double delta;
  std::optional<double> exact;  // nothing: undecided
};

std::string name(const Point& point) {
  return ::testing::PrintToString(point.sampling_rate) + " " + ::testing::PrintToString(point.noise_multiplier) + " " +
         ::testing::PrintToString(point.steps) + " " + ::testing::PrintToString(point.delta);
}

// Log-uniform in each; standard distributions differ between libraries, this does not.
std::vector<Point> draw_points() {
  std::mt19937_64 generator(20261125);
  const auto between = [&](double from, double to) {
    return from * std::pow(to / from, static_cast<double>(generator() >> 11) * 0x1p-53);
  };
  std::vector<Point> points;
  for (int i = 0; i < 200; ++i) {
    Point point{};
    point.sampling_rate = between(1e-6, 1);
    point.noise_multiplier = between(0.3, 100);
    point.steps = std::lround(between(1, 1e6));
    point.delta = between(1e-15, 0.1);
    const oracle::Answer answer =
        oracle::exact_epsilon({point.sampling_rate, point.noise_multiplier, point.steps}, point.delta);
    if (answer) point.exact = static_cast<double>(*answer);
    points.push_back(point);
  }
  return points;
}

const std::vector<Point>& points() {
  static const std::vector<Point> drawn = draw_points();
  return drawn;
}

Event event(const Point& point) {
  return Phases{{PoissonSampled{point.sampling_rate, Gaussian{point.noise_multiplier}}, point.steps}};
}

AccountedEvents accounted(const Point& point) {
  return {Adjacency::add_remove, PrivacyUnit{}, event(point)};
}

// What the oracle may be off by.
constexpr double kSlack = oracle::kAgreement;

void expect_inside(const Point& point, const Bracket& bracket) {
  EXPECT_LE(bracket.lower, *point.exact * (1 + kSlack)) << name(point);
  EXPECT_GE(bracket.upper, *point.exact * (1 - kSlack)) << name(point);
}

TEST(OraclePoints, AtLeast190AreDecided) {
  int decided = 0, zero = 0;
  for (const Point& point : points()) {
    if (!point.exact) continue;
    ++decided;
    if (*point.exact == 0) ++zero;
  }
  EXPECT_GE(decided, 190);
  EXPECT_LE(zero, 60) << "points without a loss test little";
}

TEST(OraclePoints, AreInsideTheCertifiedBrackets) {
  for (const Point& point : points()) {
    if (!point.exact) continue;
    expect_inside(point, certified_epsilon(accounted(point), point.delta).bracket);
  }
}

// The number of points for which the engine certified a bracket; it has to hold the truth.
int certified_by(Method method) {
  int certified = 0;
  for (const Point& point : points()) {
    if (!point.exact || why_unsupported(method, accounted(point))) continue;
    try {
      expect_inside(point, make_accountant(method, accounted(point))->epsilon(point.delta));
      ++certified;
    } catch (const UsageError&) {  // it says that it cannot certify a bracket
    }
  }
  return certified;
}

TEST(OraclePoints, AreInsideTheBracketsOfTheLossDistribution) {
  EXPECT_GE(certified_by(Method::pld), 190);
}

TEST(OraclePoints, AreInsideTheBracketsOfTheContourEngine) {
  EXPECT_GE(certified_by(Method::contour), 80);
}

TEST(OraclePoints, AreInsideTheBracketsOfTheGaussianEngineWithoutSampling) {
  for (Point point : points()) {
    point.sampling_rate = 1;
    point.exact =
        static_cast<double>(oracle::exact_epsilon({1, point.noise_multiplier, point.steps}, point.delta).value());
    expect_inside(point, make_accountant(Method::gaussian, accounted(point))->epsilon(point.delta));
  }
}

TEST(OraclePoints, AreBelowTheRenyiBounds) {
  for (const Point& point : points()) {
    if (!point.exact) continue;
    expect_inside(point, make_accountant(Method::rdp, accounted(point))->epsilon(point.delta));
  }
}

}  // namespace
}  // namespace sotto::privacy
