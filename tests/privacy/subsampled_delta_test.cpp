#include <gtest/gtest.h>
#include <sotto/privacy/analytic_gaussian.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/subsampled_delta.h>

#include <cmath>
#include <limits>

#include "golden_table.h"

namespace sotto::privacy {
namespace {

// An exact zero must be exactly zero.
void expect_close(double found, double exact, double tolerance) {
  if (exact == 0) {
    EXPECT_EQ(found, 0);
  } else {
    EXPECT_NEAR(found / exact, 1, tolerance) << found << " " << exact;
  }
}

TEST(SubsampledDelta, MeetsTheGoldenRows) {
  for (const GoldenRow& row : read_golden("golden_delta.csv")) {
    const double q = row.number("q"), s = row.number("sigma"), epsilon = row.number("eps");
    SCOPED_TRACE("q " + row.text("q") + " sigma " + row.text("sigma") + " eps " + row.text("eps"));
    const bool edge = std::abs(epsilon + std::log1p(-q)) < 0.1 * std::abs(epsilon);
    expect_close(subsampled_gaussian_delta(q, s, epsilon, Direction::remove), row.number("delta_remove"), 1e-11);
    expect_close(subsampled_gaussian_delta(q, s, epsilon, Direction::add), row.number("delta_add"),
                 edge ? 1e-9 : 1e-11);
    expect_close(subsampled_gaussian_delta_replace(q, s, epsilon), row.number("delta_replace"), 1e-11);
  }
}

TEST(SubsampledDelta, WithoutSamplingItIsTheGaussian) {
  for (const double s : {0.3, 1.0, 40.0}) {
    for (const double epsilon : {0.0, 0.01, 1.0, 20.0}) {
      for (const Direction direction : {Direction::remove, Direction::add})
        expect_close(subsampled_gaussian_delta(1, s, epsilon, direction), gaussian_delta(1 / s, epsilon), 1e-12);
      expect_close(subsampled_gaussian_delta_replace(1, s, epsilon), gaussian_delta(2 / s, epsilon), 1e-12);
    }
  }
}

// delta(-epsilon) of one direction follows from the other: P(S) - e^-epsilon Q(S) over all S.
TEST(SubsampledDelta, DirectionsMirrorEachOther) {
  for (const double q : {1e-3, 0.2, 0.8}) {
    for (const double s : {0.5, 2.0}) {
      for (const double epsilon : {0.01, 0.3, 2.0}) {
        const double mirrored =
            -std::expm1(-epsilon) + std::exp(-epsilon) * subsampled_gaussian_delta(q, s, epsilon, Direction::add);
        expect_close(subsampled_gaussian_delta(q, s, -epsilon, Direction::remove), mirrored, 1e-12);
      }
    }
  }
}

TEST(SubsampledDelta, FallsInEpsilonAndGrowsWithTheRate) {
  for (const Direction direction : {Direction::remove, Direction::add}) {
    double last = 1;
    for (double epsilon = -1; epsilon < 5; epsilon += 0.01) {
      const double now = subsampled_gaussian_delta(0.3, 0.8, epsilon, direction);
      EXPECT_GE(now, 0);
      EXPECT_LE(now, last);
      last = now;
    }
    last = 0;
    for (double q = 0; q <= 1; q += 0.01) {
      const double now = subsampled_gaussian_delta(q, 0.8, 0.2, direction);
      EXPECT_GE(now, last) << q;
      last = now;
    }
  }
}

TEST(SubsampledDelta, RefusesWhatIsOutOfRange) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(subsampled_gaussian_delta(1.1, 1, 1, Direction::add), UsageError);
  EXPECT_THROW(subsampled_gaussian_delta(0.1, 0, 1, Direction::add), UsageError);
  EXPECT_THROW(subsampled_gaussian_delta(0.1, 1, nan, Direction::add), UsageError);
  EXPECT_THROW(subsampled_gaussian_delta_replace(-0.1, 1, 1), UsageError);
}

}  // namespace
}  // namespace sotto::privacy
