#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/one_run_audit.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "binomial_law.h"
#include "canary_mechanism.h"

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

long double success_probability(long double epsilon) {
  return 1 / (1 + std::exp(-epsilon));
}

// Randomized response that, with probability `share`, is told that at least v of its r guesses will be right.
std::vector<long double> extremal_law(int r, int v, long double epsilon, long double share) {
  auto law = reference::binomial_law(r, success_probability(epsilon));
  const long double tail = reference::sum_from(law, v);
  for (int k = 0; k <= r; ++k) law[static_cast<std::size_t>(k)] *= 1 - share + (k >= v ? share / tail : 0);
  return law;
}

TEST(OneRunAudit, PureCaseIsTheBinomialTail) {
  for (const std::int64_t r : {1, 5, 100, 3000})
    for (const double epsilon : {0.0, 0.3, 2.0, 8.0}) {
      const auto law = reference::binomial_law(r, success_probability(epsilon));
      for (std::int64_t v = 0; v <= r; v += std::max<std::int64_t>(1, r / 20)) {
        const long double exact = reference::sum_from(law, v);
        if (exact < 1e-290L) continue;
        const double p = one_run_p_value({5000, r, v}, epsilon, 0);
        EXPECT_GE(p, std::min(1.0L, exact));
        EXPECT_LE(p, exact * (1 + 3e-9L)) << r << " " << v << " " << epsilon;
      }
    }
}

// The linear program of the proof without its closed form: the largest of all slopes, term by term.
TEST(OneRunAudit, DeltaTermIsTheLargestSlopeOfTheProof) {
  for (const std::int64_t r : {1, 2, 9, 250})
    for (const double epsilon : {0.0, 0.5, 3.0}) {
      const auto b = reference::binomial_law(r, success_probability(epsilon));
      for (std::int64_t v = 1; v <= r; v += std::max<std::int64_t>(1, r / 25)) {
        const long double f = reference::sum_from(b, v);
        if (f < 1e-250L) continue;
        long double slope = 0;
        for (std::int64_t k = 1; k <= r; ++k) {
          const long double tail = reference::sum_from(b, k);
          const long double gain = reference::sum_from(b, std::max(k, v)) - f * tail;
          slope = std::max(slope, gain / (static_cast<long double>(k) * b[static_cast<std::size_t>(k)]));
        }
        for (const double delta : {1e-12, 1e-7, 1e-4}) {
          const long double expected = std::min(1.0L, f + 300 * delta * slope);
          const double p = one_run_p_value({300, r, v}, epsilon, delta);
          EXPECT_GE(p, expected * (1 - 1e-15L)) << r << " " << v << " " << epsilon << " " << delta;
          EXPECT_LE(p, expected * (1 + 1e-8L)) << r << " " << v << " " << epsilon << " " << delta;
        }
      }
    }
}

TEST(OneRunAudit, SomeMechanismReachesTheBound) {
  const struct { int canaries, guesses; } sizes[] = {{1, 1}, {4, 4}, {6, 6}, {4, 2}, {6, 3}};
  for (const auto& [m, r] : sizes)
    for (const double epsilon : {0.0, 0.7, 2.0})
      for (int v = 1; v <= r; ++v)
        for (const double share : {1e-6, 0.01, 0.6}) {
          const auto mechanism = test::symmetric_mechanism(m, r, extremal_law(r, v, epsilon, share));
          const auto delta = static_cast<double>(mechanism.delta(epsilon));
          const double p = one_run_p_value({m, r, v}, epsilon, delta);
          const auto truth = static_cast<double>(mechanism.success(v));
          EXPECT_GE(p, truth * (1 - 1e-14));
          EXPECT_NEAR(p, truth, 1e-8 * truth) << m << " " << r << " " << v << " " << epsilon << " " << share;
        }
}

// Random laws, some with outputs left out, some near randomized response: exact, no false alarms.
TEST(OneRunAudit, NoMechanismExceedsTheBound) {
  std::mt19937_64 generator(7);
  std::uniform_real_distribution<double> uniform(0, 1);
  const auto check = [](const test::CanaryMechanism& mechanism, int r) {
    for (const double epsilon : {0.0, 0.2, 0.5, 1.0, 2.0, 4.0}) {
      const auto delta = std::min(static_cast<double>(mechanism.delta(epsilon)) * (1 + 1e-15), 1 - 1e-9);
      for (int v = 0; v <= r; ++v)
        EXPECT_LE(mechanism.success(v), one_run_p_value({mechanism.canaries, r, v}, epsilon, delta) * (1 + 1e-15))
            << r << " " << v << " " << epsilon << " " << delta;
    }
  };
  for (int trial = 0; trial < 3000; ++trial) {
    const int m = 2 + trial % 3, r = 1 + trial % m;
    auto mechanism = test::symmetric_mechanism(m, r, reference::binomial_law(r, 0.5 + 0.45 * uniform(generator)));
    const double noise = std::pow(10, -4 * uniform(generator)), kept = uniform(generator);
    for (auto& law : mechanism.law) {
      long double sum = 0;
      for (auto& p : law) {
        p *= 1 + noise * (uniform(generator) / (0.01 + uniform(generator)) - 1) * (uniform(generator) < kept);
        p = std::max(p, 0.0L);
        sum += p;
      }
      for (auto& p : law) p /= sum;
    }
    check(mechanism, r);
  }
}

// It answers at random and, where all but the last answer came out as v - 1 right ones, tells the last coin.
TEST(OneRunAudit, AMechanismThatHelpsWhereItDecidesStaysBelow) {
  constexpr int kCanaries = 6;
  for (int v = 1; v <= kCanaries; ++v) {
    auto mechanism = test::symmetric_mechanism(kCanaries, kCanaries, reference::binomial_law(kCanaries, 0.5));
    constexpr std::uint32_t kLast = 1u << (kCanaries - 1);
    for (std::uint32_t s = 0; s < mechanism.data_sets(); ++s)
      for (std::size_t t = 0; t < mechanism.outputs.size(); ++t) {
        const std::uint32_t wrong = s ^ mechanism.outputs[t].guess;
        if (kCanaries - 1 - std::popcount(wrong & ~kLast) == v - 1) mechanism.law[s][t] *= (wrong & kLast) ? 0 : 2;
      }
    for (const double epsilon : {0.0, 0.5, 1.0})
      EXPECT_LE(mechanism.success(v),
                one_run_p_value({kCanaries, kCanaries, v}, epsilon, static_cast<double>(mechanism.delta(epsilon))));
  }
}

double published_epsilon(const OneRunCounts& counts, double delta, double beta) {
  double low = 0, high = 20;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (published_one_run_p_value(counts, middle, delta) < beta ? low : high) = middle;
  }
  return low;
}

// Appendix D of Steinke, Nasr, Jagielski prints 0.673 for this case.
TEST(OneRunAudit, PublishedFormulaMeetsItsPublishedValue) {
  const OneRunCounts counts{1000, 100, 75};
  EXPECT_NEAR(published_epsilon(counts, 1e-4, 0.05), 0.673, 5e-4);
}

TEST(OneRunAudit, BoundLiesBetweenThePublishedOneAndThatOfPurePrivacy) {
  for (const OneRunCounts& counts : {OneRunCounts{1000, 100, 75}, {100'000, 1500, 1429}, {50, 50, 50}, {5000, 20, 19}})
    for (const double delta : {1e-9, 1e-5, 1e-4}) {
      const double bound = one_run_epsilon_lower(counts, delta, 0.05);
      EXPECT_GE(bound, published_epsilon(counts, delta, 0.05) - 1e-6);
      EXPECT_LE(bound, one_run_epsilon_lower(counts, 0, 0.05));
    }
}

TEST(OneRunAudit, PublishedTermIsMuchLargerBelowOneHalf) {
  for (const std::int64_t r : {10, 100, 1000})
    for (const double epsilon : {0.0, 0.5, 2.0})
      for (std::int64_t v = 1; v <= r; v += std::max<std::int64_t>(1, r / 40)) {
        const OneRunCounts counts{1000, r, v};
        const double f = one_run_p_value(counts, epsilon, 0);
        if (f > 0.5 || f < 1e-100) continue;
        const double delta = f * 1e-4;
        const double own = one_run_p_value(counts, epsilon, delta) - f;
        EXPECT_GT(published_one_run_p_value(counts, epsilon, delta) - f, 2.5 * own) << r << " " << v << " " << epsilon;
      }
}

// All of ten guesses are wrong half as often as by chance, which costs a delta of 2^-11 or so; the published p-value of
// "at least one is right" is below its probability.
TEST(OneRunAudit, PublishedFormulaIsNoBoundNearOne) {
  const auto mechanism = test::symmetric_mechanism(10, 10, extremal_law(10, 1, 0, 0.5L));
  const auto delta = static_cast<double>(mechanism.delta(0));
  EXPECT_LT(delta, 0x1p-11 * 1.01);
  EXPECT_LT(published_one_run_p_value({10, 10, 1}, 0, delta), mechanism.success(1) - 4e-4L);
  EXPECT_GE(one_run_p_value({10, 10, 1}, 0, delta), mechanism.success(1));
}

TEST(OneRunAudit, PValueRisesWithEpsilonDeltaAndCanariesAndFallsWithCorrectGuesses) {
  for (const std::int64_t r : {3, 40, 500})
    for (std::int64_t v = 1; v <= r; v += std::max<std::int64_t>(1, r / 12))
      for (const double epsilon : {0.0, 0.4, 1.7})
        for (const double delta : {0.0, 1e-8, 1e-3}) {
          const double p = one_run_p_value({600, r, v}, epsilon, delta);
          EXPECT_GE(one_run_p_value({600, r, v - 1}, epsilon, delta), p);
          EXPECT_GE(one_run_p_value({600, r, v}, epsilon + 0.1, delta), p);
          EXPECT_GE(one_run_p_value({600, r, v}, epsilon, delta + 1e-4), p);
          EXPECT_GE(one_run_p_value({1200, r, v}, epsilon, delta), p);
        }
}

TEST(OneRunAudit, TenOfTenIsTheClosedForm) {
  for (const double beta : {0.05, 0.01}) {
    const double q = std::pow(beta, 0.1);
    const double bound = one_run_epsilon_lower({10, 10, 10}, 0, beta);
    EXPECT_NEAR(bound, std::log(q / (1 - q)), 1e-7);
    EXPECT_LE(bound, std::log(q / (1 - q)));
    // With delta: q^10 (1 + delta (1 - q^10) / q^10) = beta, so that q^10 = (beta - delta) / (1 - delta).
    const double delta = 1e-3, other = std::pow((beta - delta) / (1 - delta), 0.1);
    EXPECT_NEAR(one_run_epsilon_lower({10, 10, 10}, delta, beta), std::log(other / (1 - other)), 1e-7);
  }
}

TEST(OneRunAudit, BoundIsTheLargestRejectedEpsilon) {
  for (const OneRunCounts& counts : {OneRunCounts{1000, 100, 75}, {100'000, 1500, 1429}, {1'000'000, 20'000, 11'000}})
    for (const double delta : {0.0, 1e-7, 1e-5}) {
      const double bound = one_run_epsilon_lower(counts, delta, 0.05);
      ASSERT_GT(bound, 0);
      EXPECT_LE(one_run_p_value(counts, bound, delta), 0.05);
      EXPECT_GT(one_run_p_value(counts, bound + 1e-6, delta), 0.05);
    }
}

TEST(OneRunAudit, NothingIsRejectedWithoutEvidence) {
  for (const OneRunCounts& counts : {OneRunCounts{100, 0, 0}, {100, 50, 0}, {100, 50, 25}, {100, 4, 4}})
    EXPECT_EQ(one_run_epsilon_lower(counts, 0, 0.05), 0);
  EXPECT_EQ(one_run_epsilon_lower({100, 50, 50}, 0.1, 0.05), 0);
}

TEST(OneRunAudit, ExtremesStayFinite) {
  EXPECT_EQ(one_run_p_value({10, 10, 10}, 800, 1e-5), 1);
  EXPECT_GT(one_run_p_value({10'000, 10'000, 10'000}, 0, 0), 0);
  EXPECT_LT(one_run_p_value({10'000, 10'000, 10'000}, 0, 0), 1e-300);
  // Ten million right guesses: q^r = beta, q = 1 - log(1 / beta) / r.
  EXPECT_NEAR(one_run_epsilon_lower({10'000'000, 10'000'000, 10'000'000}, 0, 0.05), std::log(1e7 / std::log(20.0)),
              1e-4);
}

// Randomized response at epsilon 1 with 300 of 1000 canaries guessed, and the extremal mechanism of a delta that
// matters. 20000 audits each; a rate of 0.05 is exceeded by 4.5 standard errors with probability 7e-6.
TEST(OneRunAudit, BoundExceedsTheTruthNoMoreOftenThanBeta) {
  constexpr int kAudits = 20'000, kGuesses = 300;
  constexpr double kBeta = 0.05, kEpsilon = 1;
  std::mt19937_64 generator(11);
  const int critical = 236;
  for (const double share : {0.0, 0.02}) {
    const auto law = extremal_law(kGuesses, critical, kEpsilon, share);
    const auto response = reference::binomial_law(kGuesses, success_probability(kEpsilon));
    const double delta =
        static_cast<double>(share * critical * response[critical] / reference::sum_from(response, critical) / 1000);
    std::discrete_distribution<int> correct(law.begin(), law.end());
    std::vector<double> bound(kGuesses + 1, kNan);
    int exceeded = 0, informative = 0;
    for (int i = 0; i < kAudits; ++i) {
      double& known = bound[static_cast<std::size_t>(correct(generator))];
      if (std::isnan(known)) known = one_run_epsilon_lower({1000, kGuesses, &known - bound.data()}, delta, kBeta);
      exceeded += known > kEpsilon;
      informative += known > 0.6;
    }
    EXPECT_LE(exceeded, kAudits * kBeta + 4.5 * std::sqrt(kAudits * kBeta * (1 - kBeta))) << share;
    EXPECT_GT(exceeded, kAudits * kBeta / 3) << share;  // the test is not vacuous
    EXPECT_GT(informative, kAudits / 2) << share;
  }
}

TEST(OneRunAudit, RefusesWhatIsOutOfRange) {
  for (const OneRunCounts& bad : {OneRunCounts{0, 0, 0}, {10, 11, 5}, {10, -1, 0}, {10, 5, 6}, {10, 5, -1}}) {
    EXPECT_THROW(one_run_p_value(bad, 1, 0), UsageError);
    EXPECT_THROW(one_run_epsilon_lower(bad, 0, 0.05), UsageError);
    EXPECT_THROW(published_one_run_p_value(bad, 1, 0), UsageError);
  }
  for (const double bad : {-1e-9, 1.0, kNan}) EXPECT_THROW(one_run_p_value({10, 5, 5}, 1, bad), UsageError);
  for (const double bad : {-1e-9, kInfinity, kNan}) EXPECT_THROW(one_run_p_value({10, 5, 5}, bad, 0), UsageError);
  for (const double bad : {0.0, 1.0, -0.1, kNan}) EXPECT_THROW(one_run_epsilon_lower({10, 5, 5}, 0, bad), UsageError);
}

}  // namespace
}  // namespace sotto::privacy
