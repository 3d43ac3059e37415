#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/rdp.h>

#include <cmath>
#include <limits>
#include <random>

#include "golden_table.h"

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double remove_rdp(double q, double s, double order) {
  return subsampled_gaussian_rdp(q, s, order, Direction::remove);
}
double add_rdp(double q, double s, double order) {
  return subsampled_gaussian_rdp(q, s, order, Direction::add);
}

void expect_relative(double value, double expected, double tolerance) {
  EXPECT_LE(std::abs(value - expected), tolerance * std::abs(expected)) << "got " << value << ", expected " << expected;
}

TEST(SubsampledGaussianRdp, QuadratureMeetsGoldenTable) {
  const auto rows = read_golden("golden_rdp.csv");
  ASSERT_EQ(rows.size(), 27u);
  for (const GoldenRow& row : rows) {
    SCOPED_TRACE(row.text("q") + ", " + row.text("sigma") + ", " + row.text("alpha"));
    const double q = row.number("q"), s = row.number("sigma"), order = row.number("alpha");
    expect_relative(remove_rdp(q, s, order), row.number("rdp_remove"), 2e-12);
    expect_relative(add_rdp(q, s, order), row.number("rdp_add"), 2e-12);
  }
}

TEST(SubsampledGaussianRdp, IntegerFormMeetsGoldenTable) {
  int checked = 0;
  for (const GoldenRow& row : read_golden("golden_rdp.csv")) {
    const double order = row.number("alpha");
    if (order != std::floor(order)) continue;
    SCOPED_TRACE(row.text("q") + ", " + row.text("sigma") + ", " + row.text("alpha"));
    // q = 0.01, 0.1, ... and sigma = 0.3 are not doubles; the rounding of the input is amplified at large orders.
    const double tolerance = order > 64 ? 1e-12 : 1e-13;
    expect_relative(subsampled_gaussian_rdp_integer(row.number("q"), row.number("sigma"), std::llround(order)),
                    row.number("rdp_remove"), tolerance);
    ++checked;
  }
  EXPECT_EQ(checked, 12);
}

// A widely copied test pins 6.70579741e-4 and 1.08548710e-3 here: the series with the signs of C(order, k) dropped.
TEST(SubsampledGaussianRdp, MeetsPublishedPointsOfFiftySteps) {
  const struct {
    double order, expected;
  } points[] = {{1.5, 6.500708971880397e-4},
                {2.5, 1.085418056918124e-3},
                {5, 2.180756562307881e-3},
                {50, 2.384603753870617e-2},
                {100, 167.4163075484183}};
  for (const auto& point : points) expect_relative(50 * remove_rdp(0.01, 2.5, point.order), point.expected, 1e-12);
}

TEST(SubsampledGaussianRdp, QuadratureAgreesWithBinomialSumEverywhere) {
  std::mt19937_64 random(20240501);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (int i = 0; i < 400; ++i) {
    const double q = std::pow(10, -8 * uniform(random)) * 0.999;
    const double s = 0.05 * std::pow(2000, uniform(random));
    const auto order = static_cast<int64_t>(2 + std::pow(3000, uniform(random)));
    SCOPED_TRACE(testing::Message() << q << ", " << s << ", " << order);
    expect_relative(remove_rdp(q, s, static_cast<double>(order)), subsampled_gaussian_rdp_integer(q, s, order), 5e-12);
  }
}

TEST(SubsampledGaussianRdp, NeverNegativeNeverNanAndRemoveDominatesAdd) {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (int i = 0; i < 2000; ++i) {
    const double q = std::min(1.0, std::pow(10, 1 - 20 * uniform(random)));
    const double s = std::pow(10, 8 * uniform(random) - 3);
    const double order = 1 + std::pow(10, 17 * uniform(random) - 10);
    const double removed = remove_rdp(q, s, order), added = add_rdp(q, s, order);
    SCOPED_TRACE(testing::Message() << q << ", " << s << ", " << order);
    EXPECT_GE(added, 0);
    EXPECT_GE(removed * (1 + 1e-11), added);
    EXPECT_LE(removed, order / (2 * s * s));
    EXPECT_FALSE(std::isnan(removed) || std::isnan(added));
  }
}

TEST(SubsampledGaussianRdp, IsMonotoneInRateNoiseAndOrder) {
  std::mt19937_64 random(11);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (int i = 0; i < 500; ++i) {
    const double q = std::pow(10, -6 * uniform(random)) * 0.9;
    const double s = 0.005 * std::pow(10000, uniform(random));
    const double order = 1 + std::pow(10, 8 * uniform(random) - 3);
    const double here = remove_rdp(q, s, order) * (1 + 1e-11);
    SCOPED_TRACE(testing::Message() << q << ", " << s << ", " << order);
    EXPECT_LE(remove_rdp(q * 0.9, s, order), here);
    EXPECT_LE(remove_rdp(q, s * 1.1, order), here);
    EXPECT_LE(remove_rdp(q, s, 1 + (order - 1) * 0.9), here);
  }
}

TEST(SubsampledGaussianRdp, LimitsAreExact) {
  EXPECT_EQ(remove_rdp(0, 1, 2), 0);
  EXPECT_EQ(remove_rdp(0, 0, 2), 0);
  EXPECT_EQ(remove_rdp(0.1, 0, 2), kInfinity);
  EXPECT_EQ(remove_rdp(1, 2, 7), 7.0 / 8);
  EXPECT_EQ(add_rdp(1, 2, 7), 7.0 / 8);
  EXPECT_EQ(remove_rdp(0.1, 1, kInfinity), kInfinity);
  EXPECT_DOUBLE_EQ(add_rdp(0.1, 1, kInfinity), -std::log1p(-0.1));
  EXPECT_DOUBLE_EQ(add_rdp(0.1, 0, 2), -std::log1p(-0.1));
}

TEST(SubsampledGaussianRdp, OrderOneIsTheKullbackLeiblerLimit) {
  for (const double q : {1e-6, 0.01, 0.5}) {
    for (const double s : {0.3, 1.0, 20.0}) {
      for (const Direction direction : {Direction::remove, Direction::add}) {
        const double limit = subsampled_gaussian_rdp(q, s, 1, direction);
        EXPECT_GT(limit, 0);
        expect_relative(subsampled_gaussian_rdp(q, s, 1 + 1e-9, direction), limit, 1e-7);
        EXPECT_LE(limit, subsampled_gaussian_rdp(q, s, 1.001, direction));
      }
    }
  }
}

// Independent of the quadrature: to first order in q^2 the divergence is order q^2 (e^(1/s^2) - 1) / 2.
TEST(SubsampledGaussianRdp, SmallRatesFollowTheQuadraticLaw) {
  for (const double order : {1.0, 1.5, 3.0})
    for (const double s : {0.7, 2.0, 100.0})
      expect_relative(remove_rdp(1e-12, s, order), order * 1e-24 * std::expm1(1 / (s * s)) / 2, 1e-9);
}

// Below kSmallestQuadratureNoise a bound replaces the value: never smaller than the binomial sum, close for orders well
// above 1.
TEST(SubsampledGaussianRdp, TinyNoiseBoundLiesAboveTheValue) {
  for (const double q : {1e-5, 0.01, 0.7}) {
    for (const double s : {0.001, 0.01, 0.0199}) {
      for (const int64_t order : {2, 3, 20, 200}) {
        const double exact = subsampled_gaussian_rdp_integer(q, s, order);
        const double bound = remove_rdp(q, s, static_cast<double>(order));
        EXPECT_GE(bound, exact * (1 - 1e-13));
        EXPECT_LE(bound, exact * (1 + 1e-9));
      }
    }
  }
}

TEST(SubsampledGaussianRdp, RefusesMeaninglessInput) {
  for (const double q : {-0.1, 1.5, kNan, kInfinity}) {
    EXPECT_THROW(remove_rdp(q, 1, 2), UsageError) << q;
    EXPECT_THROW(subsampled_gaussian_rdp_integer(q, 1, 2), UsageError) << q;
  }
  for (const double s : {-1.0, kNan, kInfinity}) EXPECT_THROW(remove_rdp(0.1, s, 2), UsageError) << s;
  for (const double order : {0.5, 0.0, -2.0, -kInfinity, kNan})
    EXPECT_THROW(remove_rdp(0.1, 1, order), UsageError) << order;
  for (const int64_t order : {1, 0, -3})
    EXPECT_THROW(subsampled_gaussian_rdp_integer(0.1, 1, order), UsageError) << order;
}

}  // namespace
}  // namespace sotto::privacy
