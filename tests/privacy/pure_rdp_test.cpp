// Curves of pure releases: closed forms, and that they need no delta.

#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/pure_rdp.h>
#include <sotto/privacy/rdp_accountant.h>

#include <cmath>
#include <limits>

#include "rdp_reference.h"

namespace sotto::privacy {
namespace {

using reference::expect_relative;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// The divergence by its definition: three exponential pieces (Mironov 2017, proposition 6), in extended precision.
TEST(Laplace, CurveIsTheClosedForm) {
  for (const double scale : {0.05, 0.5, 1.0, 10.0, 1000.0}) {
    for (const double order : {1.25, 2.0, 10.0, 500.0}) {
      const long double t = 1 / static_cast<long double>(scale), a = order;
      if (a * t > 10000) continue;
      const long double moment = a / (2 * a - 1) * std::exp((a - 1) * t) + (a - 1) / (2 * a - 1) * std::exp(-a * t);
      SCOPED_TRACE(testing::Message() << scale << ", " << order);
      // The direct form loses digits where the moment is near 1.
      expect_relative(laplace_rdp(scale, order), std::log(moment) / (a - 1), 1e-13 + 1e-18 / std::log(moment));
    }
    const long double t = 1 / static_cast<long double>(scale);
    expect_relative(laplace_rdp(scale, 1), t + std::expm1(-t), 1e-12);  // Kullback-Leibler
    expect_relative(laplace_rdp(scale, 1 + 1e-10), t + std::expm1(-t), 1e-8);
    EXPECT_EQ(laplace_rdp(scale, kInfinity), 1 / scale);
    EXPECT_LE(laplace_rdp(scale, 1e7), 1 / scale);
    expect_relative(laplace_rdp(scale, 1e12), t, 1e-9);
  }
  // Tiny losses keep their digits: order t^2 / 2 to first order.
  expect_relative(laplace_rdp(1e9, 3), 3e-18L / 2, 1e-8);
  expect_relative(laplace_rdp(1e120, 1 + 1e-3), 1.001e-240L / 2, 1e-8);
}

TEST(PureRelease, CurveIsRandomisedResponse) {
  for (const double epsilon : {1e-3, 0.1, 1.0, 20.0, 400.0}) {
    for (const double order : {1.25, 2.0, 10.0, 20.0}) {
      const long double e = epsilon, a = order, p = 1 / (1 + std::exp(-e)), rest = 1 / (1 + std::exp(e));
      const long double moment =
          std::exp(a * std::log(p) + (1 - a) * std::log(rest)) + std::exp(a * std::log(rest) + (1 - a) * std::log(p));
      SCOPED_TRACE(testing::Message() << epsilon << ", " << order);
      expect_relative(pure_rdp(epsilon, order), std::log(moment) / (a - 1), 1e-13 + 1e-17 / std::log(moment));
    }
    const long double e = epsilon;
    expect_relative(pure_rdp(epsilon, 1), e * std::tanh(e / 2), 1e-13);
    expect_relative(pure_rdp(epsilon, 1 + 1e-10), e * std::tanh(e / 2), 1e-8);
    EXPECT_EQ(pure_rdp(epsilon, kInfinity), epsilon);
    EXPECT_LE(pure_rdp(epsilon, 1e9), epsilon * (1 + 1e-15));
  }
  EXPECT_EQ(pure_rdp(0, 2), 0);
  expect_relative(pure_rdp(1e-100, 4), 4 * 1e-200L / 2, 1e-12);
  // Laplace noise is one of the releases that are pure: its curve lies below.
  for (const double order : {1.0, 1.5, 4.0, 1000.0}) EXPECT_LE(laplace_rdp(0.7, order), pure_rdp(1 / 0.7, order));
}

TEST(PureRelease, RefusesMeaninglessInput) {
  for (const double order : {0.5, -1.0, kNan}) {
    EXPECT_THROW(pure_rdp(1, order), UsageError);
    EXPECT_THROW(laplace_rdp(1, order), UsageError);
  }
  for (const double value : {-1.0, kInfinity, kNan}) {
    EXPECT_THROW(pure_rdp(value, 2), UsageError);
    EXPECT_THROW(laplace_rdp(value, 2), UsageError);
  }
  EXPECT_THROW(laplace_rdp(0, 2), UsageError);
}

TEST(PureRelease, NeedsNoDeltaAndItsEpsilonsAdd) {
  const RdpAccountant run(Adjacency::add_remove, Composed{{SelfComposed(ApproxDp{0.1, 0}, 3), Laplace{2}}});
  EXPECT_GE(run.epsilon(0), 0.8);
  EXPECT_LE(run.epsilon(0), 0.8 * (1 + 1e-10));
  EXPECT_LE(run.epsilon(1e-12), run.epsilon(0));
  EXPECT_EQ(run.delta(0.81), 0);
  EXPECT_GT(run.delta(0.79), 0);
  // Replacing a record moves the number twice as far.
  EXPECT_GE(RdpAccountant(Adjacency::replace_one, Laplace{2}).epsilon(0), 1);
  // One Gaussian among them, and there is no pure guarantee.
  EXPECT_EQ(RdpAccountant(Adjacency::add_remove, Composed{{Laplace{2}, Gaussian{50}}}).epsilon(0), kInfinity);
  EXPECT_EQ(RdpAccountant(Adjacency::add_remove, Laplace{0}).epsilon(0), kInfinity);
}

}  // namespace
}  // namespace sotto::privacy
