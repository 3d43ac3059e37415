#include <gtest/gtest.h>
#include <sotto/privacy/binomial_limits.h>
#include <sotto/privacy/error.h>

#include <cmath>
#include <limits>

#include "binomial_law.h"

namespace sotto::privacy {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(BinomialLimits, TailIsNeverBelowTheExactSumAndClose) {
  for (const std::int64_t trials : {1, 2, 10, 333, 10'000, 200'000})
    for (const double failure : {0.9, 0.5, 0.2, 1e-2, 1e-5}) {
      const auto law = reference::binomial_law(trials, 1 - static_cast<long double>(failure));
      for (int step = 0; step <= 50; ++step) {
        const std::int64_t count = trials * step / 50;
        const long double exact = reference::sum_from(law, count);
        if (exact < 1e-290L) continue;
        const double tail = binomial_upper_tail(trials, count, failure);
        EXPECT_GE(tail, std::min(1.0L, exact)) << trials << " " << failure << " " << count;
        EXPECT_LE(tail, exact * (1 + 1e-12L + kBinomialMargin)) << trials << " " << failure << " " << count;
      }
    }
}

TEST(BinomialLimits, TinyTailsKeepTheirDigitsAndNeverBecomeZero) {
  EXPECT_NEAR(binomial_upper_tail(900, 900, 0.5) / 0x1p-900, 1, 2e-9);
  EXPECT_GE(binomial_upper_tail(900, 900, 0.5), 0x1p-900);
  EXPECT_GT(binomial_upper_tail(2000, 2000, 0.5), 0);
  EXPECT_GT(binomial_upper_tail(10, 1, 1), 0);
  EXPECT_EQ(binomial_upper_tail(10, 0, 0.7), 1);
  EXPECT_EQ(binomial_upper_tail(10, 10, 0), 1);
}

TEST(BinomialLimits, LimitsOfNoneAndAllAreClosedForms) {
  for (const std::int64_t trials : {1, 7, 1000, 1'000'000})
    for (const double alpha : {0.5, 0.05, 1e-6}) {
      const double root = std::pow(alpha, 1 / static_cast<double>(trials));
      const double rest = -std::expm1(std::log(alpha) / static_cast<double>(trials));
      EXPECT_LE(binomial_lower_limit(trials, trials, alpha), root);
      EXPECT_NEAR(binomial_lower_limit(trials, trials, alpha), root, 1e-8 * root);
      EXPECT_GE(binomial_upper_limit(trials, 0, alpha), rest * (1 - 1e-15));
      EXPECT_NEAR(binomial_upper_limit(trials, 0, alpha), rest, 1e-8 * rest);
      EXPECT_EQ(binomial_lower_limit(trials, 0, alpha), 0);
      EXPECT_EQ(binomial_upper_limit(trials, trials, alpha), 1);
    }
}

// What R's binom.test prints for 10 of 100.
TEST(BinomialLimits, LimitsMeetPublishedValues) {
  EXPECT_NEAR(binomial_lower_limit(100, 10, 0.025), 0.04900469, 1e-8);
  EXPECT_NEAR(binomial_upper_limit(100, 10, 0.025), 0.17622260, 1e-8);
}

TEST(BinomialLimits, TailsAtTheLimitsAreAtMostAlphaInExactSums) {
  for (const std::int64_t trials : {5, 40, 3000})
    for (const double alpha : {0.1, 1e-3})
      for (int step = 1; step < 10; ++step) {
        const std::int64_t count = trials * step / 10;
        if (count == 0) continue;
        const double low = binomial_lower_limit(trials, count, alpha);
        const long double tail = reference::sum_from(reference::binomial_law(trials, low), count);
        EXPECT_LE(tail, alpha);
        EXPECT_GE(tail, alpha * (1 - 1e-5L));
        const double high = binomial_upper_limit(trials, count, alpha);
        const long double left = 1 - reference::sum_from(reference::binomial_law(trials, high), count + 1);
        EXPECT_LE(left, alpha * (1 + 1e-12L));
        EXPECT_GE(left, alpha * (1 - 1e-5L));
      }
}

// By enumeration of all counts: no chance is involved.
TEST(BinomialLimits, LimitsCoverTheTruthAsOftenAsTheySay) {
  constexpr std::int64_t kTrials = 37;
  for (const double alpha : {0.2, 0.01})
    for (double p = 0.01; p < 1; p += 0.02) {
      const auto law = reference::binomial_law(kTrials, p);
      long double above = 0, below = 0;
      for (std::int64_t k = 0; k <= kTrials; ++k) {
        if (binomial_lower_limit(kTrials, k, alpha) > p) above += law[static_cast<std::size_t>(k)];
        if (binomial_upper_limit(kTrials, k, alpha) < p) below += law[static_cast<std::size_t>(k)];
      }
      EXPECT_LE(above, alpha) << p;
      EXPECT_LE(below, alpha) << p;
    }
}

TEST(BinomialLimits, RefusesWhatIsNoCountOrProbability) {
  for (const double bad : {-0.1, 1.1, kNan}) EXPECT_THROW(binomial_upper_tail(10, 5, bad), UsageError);
  for (const double bad : {0.0, 1.0, -1.0, kNan}) {
    EXPECT_THROW(binomial_lower_limit(10, 5, bad), UsageError);
    EXPECT_THROW(binomial_upper_limit(10, 5, bad), UsageError);
  }
  for (const std::int64_t bad : {std::int64_t{-1}, std::int64_t{11}}) {
    EXPECT_THROW(binomial_upper_tail(10, bad, 0.5), UsageError);
    EXPECT_THROW(binomial_lower_limit(10, bad, 0.5), UsageError);
    EXPECT_THROW(binomial_upper_limit(10, bad, 0.5), UsageError);
  }
  for (const std::int64_t bad : {std::int64_t{0}, std::int64_t{-5}, kMostTrials + 1})
    EXPECT_THROW(binomial_upper_tail(bad, 0, 0.5), UsageError);
}

}  // namespace
}  // namespace sotto::privacy
