#include <gtest/gtest.h>
#include <sotto/privacy/analytic_gaussian.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/replay_audit.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "binomial_law.h"

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double cumulative(double x) {
  return std::erfc(-x / std::sqrt(2.0)) / 2;
}

// Always under D and never under D': both limits are roots of beta / 4.
TEST(ReplayAudit, CertainEventsAreTheClosedForm) {
  for (const std::int64_t runs : {10, 1000, 1'000'000})
    for (const double beta : {0.05, 1e-4}) {
      const double miss = -std::expm1(std::log(beta / 4) / static_cast<double>(runs));
      const ReplayCounts always{runs, runs}, never{runs, 0};
      for (const double delta : {0.0, 1e-5, 0.1}) {
        const double expected = std::max(0.0, std::log((1 - miss - delta) / miss));
        const double bound = replay_epsilon_lower(always, never, delta, beta);
        EXPECT_LE(bound, expected);
        EXPECT_NEAR(bound, expected, 1e-7);
        EXPECT_EQ(replay_epsilon_lower(never, always, delta, beta), bound);
      }
      const double mu = replay_mu_lower(always, never, beta);
      if (miss < 0.5) {
        // Phi(mu / 2) = 1 - miss
        EXPECT_GE(cumulative(-mu / 2), miss);
        EXPECT_NEAR(cumulative(-mu / 2), miss, 1e-6 * miss);
      }
      EXPECT_EQ(replay_mu_lower(never, always, beta), mu);
    }
}

// Published two-sided 95 per cent limits of 10 in 100 are 0.04900469 and 0.17622260, hence of 90 in 100 the rest.
TEST(ReplayAudit, BoundComesFromPublishedLimits) {
  const double expected = std::log((0.8237774 - 1e-3) / 0.1762226);
  EXPECT_NEAR(replay_epsilon_lower({100, 90}, {100, 10}, 1e-3, 0.1), expected, 1e-6);
}

TEST(ReplayAudit, OrdersAndComplementsGiveTheSame) {
  const ReplayCounts a{2000, 700}, b{1500, 3}, not_a{2000, 1300}, not_b{1500, 1497};
  for (const double delta : {0.0, 1e-3}) {
    const double bound = replay_epsilon_lower(a, b, delta, 0.05);
    EXPECT_GT(bound, 3);
    for (const double other : {replay_epsilon_lower(b, a, delta, 0.05), replay_epsilon_lower(not_a, not_b, delta, 0.05),
                               replay_epsilon_lower(not_b, not_a, delta, 0.05)})
      EXPECT_EQ(other, bound);
  }
  EXPECT_NEAR(replay_mu_lower(a, b, 0.05), replay_mu_lower(not_b, not_a, 0.05), 1e-12);
  EXPECT_EQ(replay_mu_lower(a, b, 0.05), replay_mu_lower(b, a, 0.05));
}

TEST(ReplayAudit, EqualCountsShowNothing) {
  for (const std::int64_t events : {0, 1, 500, 1000}) {
    EXPECT_EQ(replay_epsilon_lower({1000, events}, {1000, events}, 0, 0.05), 0);
    EXPECT_EQ(replay_mu_lower({1000, events}, {1000, events}, 0.05), 0);
    EXPECT_EQ(gaussian_replay_epsilon_lower({1000, events}, {1000, events}, 1e-5, 0.05), 0);
  }
}

// All pairs of counts with their probabilities: no chance is involved.
TEST(ReplayAudit, BoundsExceedTheTruthNoMoreOftenThanBeta) {
  constexpr std::int64_t kRuns = 15;
  constexpr double kBeta = 0.1;
  for (const double p : {0.03, 0.2, 0.5, 0.9})
    for (const double q : {0.02, 0.2, 0.45, 0.7}) {
      const double epsilon = std::max(std::abs(std::log(p / q)), std::abs(std::log((1 - p) / (1 - q))));
      const auto law_p = reference::binomial_law(kRuns, p), law_q = reference::binomial_law(kRuns, q);
      long double wrong = 0, wrong_mu = 0;
      for (std::int64_t a = 0; a <= kRuns; ++a)
        for (std::int64_t b = 0; b <= kRuns; ++b) {
          const long double mass = law_p[static_cast<std::size_t>(a)] * law_q[static_cast<std::size_t>(b)];
          if (replay_epsilon_lower({kRuns, a}, {kRuns, b}, 0, kBeta) > epsilon) wrong += mass;
          // One Gaussian tells p from q when mu is the distance of their quantiles.
          const double mu = replay_mu_lower({kRuns, a}, {kRuns, b}, kBeta);
          double low = -9, high = 9;
          for (int i = 0; i < 60; ++i) {
            const double middle = (low + high) / 2;
            (cumulative(middle) < std::min(p, q) ? low : high) = middle;
          }
          if (cumulative(low + mu) > std::max(p, q) * (1 + 1e-9)) wrong_mu += mass;
        }
      EXPECT_LE(wrong, kBeta) << p << " " << q;
      EXPECT_LE(wrong_mu, kBeta) << p << " " << q;
    }
}

std::vector<double> releases(double mean, double deviation, std::size_t count, std::uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::normal_distribution<double> normal(mean, deviation);
  std::vector<double> scores(count);
  for (auto& score : scores) score = normal(generator);
  return scores;
}

// A Gaussian mechanism of noise multiplier 1 claims epsilon 4.38 at delta 1e-5. An honest one is accused by one seed in
// 100 at most.
TEST(ReplayAudit, HonestGaussianIsNotAccusedAndHalvedNoiseIs) {
  constexpr std::size_t kReplays = 100'000;
  constexpr double kDelta = 1e-5, kBeta = 0.01;
  const double claimed = gaussian_epsilon(1, kDelta);
  for (const std::uint64_t seed : {1, 2, 3}) {
    for (const ReplayTarget target : {ReplayTarget::epsilon, ReplayTarget::mu}) {
      const auto honest = threshold_audit(releases(1, 1, kReplays, seed), releases(0, 1, kReplays, seed + 100),
                                          kReplays / 2, target, kDelta, kBeta);
      EXPECT_LE(honest.epsilon, claimed);
      EXPECT_LE(honest.mu, 1);
      EXPECT_LE(gaussian_replay_epsilon_lower(honest.d, honest.d_prime, kDelta, kBeta), claimed);
      const auto halved = threshold_audit(releases(1, 0.5, kReplays, seed), releases(0, 0.5, kReplays, seed + 100),
                                          kReplays / 2, target, kDelta, kBeta);
      EXPECT_LE(halved.mu, 2);
      if (target == ReplayTarget::epsilon) {
        EXPECT_GT(halved.epsilon, claimed);
      } else {
        EXPECT_GT(honest.mu, 0.93);
        EXPECT_GT(halved.mu, 1.9);
        EXPECT_GT(gaussian_replay_epsilon_lower(halved.d, halved.d_prime, kDelta, kBeta), 2 * claimed);
      }
    }
  }
}

TEST(ReplayAudit, ThresholdComesFromTheSelectionAndCountsFromTheRest) {
  constexpr std::size_t kReplays = 4000, kSelection = 1000;
  auto d = releases(1.5, 1, kReplays, 7), d_prime = releases(0, 1, kReplays, 8);
  const auto audit = threshold_audit(d, d_prime, kSelection, ReplayTarget::mu, 1e-5, 0.05);
  EXPECT_EQ(audit.d.runs, 3000);
  EXPECT_EQ(audit.d_prime.runs, 3000);
  std::int64_t events = 0;
  for (std::size_t i = kSelection; i < kReplays; ++i) events += d[i] >= audit.threshold;
  EXPECT_EQ(audit.d.events, events);
  EXPECT_EQ(audit.mu, replay_mu_lower(audit.d, audit.d_prime, 0.05));
  EXPECT_EQ(audit.epsilon, replay_epsilon_lower(audit.d, audit.d_prime, 1e-5, 0.05));
  for (std::size_t i = kSelection; i < kReplays; ++i) std::swap(d[i], d_prime[i]);
  EXPECT_EQ(threshold_audit(d, d_prime, kSelection, ReplayTarget::mu, 1e-5, 0.05).threshold, audit.threshold);
  for (std::size_t i = 0; i < kSelection; ++i) d[i] += 10, d_prime[i] += 10;
  EXPECT_NEAR(threshold_audit(d, d_prime, kSelection, ReplayTarget::mu, 1e-5, 0.05).threshold, audit.threshold + 10,
              1e-9);
}

TEST(ReplayAudit, RefusesWhatIsOutOfRange) {
  const ReplayCounts good{10, 5};
  for (const ReplayCounts& bad : {ReplayCounts{0, 0}, {10, 11}, {10, -1}, {-1, -1}}) {
    EXPECT_THROW(replay_epsilon_lower(bad, good, 0, 0.05), UsageError);
    EXPECT_THROW(replay_epsilon_lower(good, bad, 0, 0.05), UsageError);
    EXPECT_THROW(replay_mu_lower(good, bad, 0.05), UsageError);
  }
  for (const double bad : {-0.1, 1.0, kNan}) EXPECT_THROW(replay_epsilon_lower(good, good, bad, 0.05), UsageError);
  EXPECT_THROW(gaussian_replay_epsilon_lower(good, good, 0, 0.05), UsageError);
  for (const double bad : {0.0, 1.0, kNan}) {
    EXPECT_THROW(replay_epsilon_lower(good, good, 0, bad), UsageError);
    EXPECT_THROW(replay_mu_lower(good, good, bad), UsageError);
  }
  const std::vector<double> scores{1, 2, 3}, broken{1, kNan, 3}, infinite{1, -kInfinity, kInfinity};
  const auto audit = [](const auto& d, const auto& d_prime, std::size_t selection) {
    return threshold_audit(d, d_prime, selection, ReplayTarget::epsilon, 0, 0.05);
  };
  EXPECT_THROW(audit(scores, scores, 0), UsageError);
  EXPECT_THROW(audit(scores, scores, 3), UsageError);
  EXPECT_THROW(audit(scores, broken, 1), UsageError);
  EXPECT_NO_THROW(audit(scores, infinite, 1));
}

}  // namespace
}  // namespace sotto::privacy
