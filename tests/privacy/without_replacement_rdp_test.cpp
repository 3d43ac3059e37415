// Curves of sampling without replacement: published points, the theorem as printed, and what lies between.

#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/rdp_accountant.h>
#include <sotto/privacy/without_replacement_rdp.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "rdp_reference.h"

namespace sotto::privacy {
namespace {

using reference::expect_relative;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The noise multiplier of the published points is relative to 2 C.
TEST(WithoutReplacement, MeetsPublishedPointsOfFiftySteps) {
  const struct {
    double order, expected;
  } points[] = {{1.5, 3.470097e-3}, {2.5, 4.638608e-3}, {5, 8.763361e-3}, {50, 9.847415e-2}, {100, 167.766389}};
  const RdpAccountant run(Adjacency::replace_one, SelfComposed(WithoutReplacement{10, 1000, {5}}, 50));
  for (const auto& point : points) expect_relative(run.rdp(point.order), point.expected, 1e-6);
}

// The theorem as printed, with forward differences as alternating sums in extended precision.
TEST(WithoutReplacement, AgreesWithTheFormulaAsPrinted) {
  for (const double q : {0.001, 0.1, 0.5}) {
    for (const double s : {2.0, 3.0, 5.0}) {
      WithoutReplacementRdp curve(q, s);
      const long double rate = 2 / (static_cast<long double>(s) * s);
      const auto choose = [](int n, int k) {
        long double product = 1;
        for (int i = 1; i <= k; ++i) product = product * (n - k + i) / i;
        return product;
      };
      const auto difference = [&](int l) {
        long double sum = 0;
        for (int i = 0; i <= l; ++i) sum += (i % 2 ? -1 : 1) * choose(l, i) * std::exp((l - i) * (l - i - 1) * rate);
        return sum;
      };
      for (const int order : {2, 3, 6, 9}) {
        const long double first = 2 * rate, weight = q;
        long double sum = 1 + choose(order, 2) * weight * weight * std::min(4 * std::expm1(first), 2 * std::exp(first));
        for (int j = 3; j <= order; ++j)
          sum +=
              choose(order, j) * std::pow(weight, j) *
              std::min(2 * std::exp(j * (j - 1) * rate), 4 * std::sqrt(difference(j - j % 2) * difference(j + j % 2)));
        const long double expected = std::min(std::log(sum) / (order - 1), order * rate);
        SCOPED_TRACE(testing::Message() << q << ", " << s << ", " << order);
        expect_relative(curve.at(order), expected, 1e-9);
      }
    }
  }
}

TEST(WithoutReplacement, ComposedMeetsPublishedEpsilonsAndLiesAboveTheTighterBound) {
  const RdpAccountant wide(Adjacency::replace_one, SelfComposed(WithoutReplacement{10, 1000, {2}}, 1000));
  EXPECT_NEAR(wide.epsilon(1e-5), 3.576, 2e-3);  // published for integer orders
  EXPECT_GE(wide.epsilon(1e-5), 2.1989 - 2e-4);
  const RdpAccountant narrow(Adjacency::replace_one, SelfComposed(WithoutReplacement{10, 1000, {1}}, 1000));
  EXPECT_GE(narrow.epsilon(1e-5), 13.3608);  // proven lower bound of the true epsilon
}

// (order - 1) D between integers is interpolated, and sampling never costs more than none.
TEST(WithoutReplacement, IsInterpolatedMonotoneAndBoundedByTheUnsampledRelease) {
  WithoutReplacementRdp curve(0.02, 3);
  for (const double order : {2.25, 7.5, 40.75}) {
    const double below = std::floor(order), part = order - below;
    expect_relative((order - 1) * curve.at(order),
                    (1 - part) * (below - 1) * curve.at(below) + part * below * curve.at(below + 1), 1e-13);
  }
  EXPECT_EQ(curve.at(1), curve.at(2));
  double before = 0;
  for (double order = 1; order < 1e6; order *= 1.3) {
    const double here = curve.at(order);
    EXPECT_GE(here, before * (1 - 1e-12)) << order;
    EXPECT_LE(here, order * 2 / 9 * (1 + 1e-15)) << order;
    before = here;
  }
  EXPECT_EQ(curve.at(kInfinity), kInfinity);
  EXPECT_THROW(curve.at(0.5), UsageError);
  EXPECT_THROW(WithoutReplacementRdp(0, 1), UsageError);
  EXPECT_THROW(WithoutReplacementRdp(0.5, 0), UsageError);
}

}  // namespace
}  // namespace sotto::privacy
