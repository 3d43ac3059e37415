// Curves of discrete Gaussian noise against the definition: sums over the lattice in one and two dimensions, in
// extended precision, and composed losses that are enumerated.

#include <gtest/gtest.h>
#include <sotto/privacy/accountant.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/pld_accountant.h>
#include <sotto/privacy/rdp.h>
#include <sotto/privacy/rdp_accountant.h>
#include <sotto/privacy/release_rdp.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "rdp_reference.h"

namespace sotto::privacy {
namespace {

using reference::expect_relative;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// N_Z(0, variance) in one dimension, y = -reach .. reach.
std::vector<long double> discrete_gaussian(long double variance, int reach) {
  std::vector<long double> law;
  long double theta = 0;
  for (int y = -reach; y <= reach; ++y) {
    law.push_back(std::exp(-static_cast<long double>(y) * y / 2 / variance));
    theta += law.back();
  }
  for (long double& p : law) p /= theta;
  return law;
}

struct Divergences {
  long double removed, added;
};

// Both directions of (1 - q) Q + q Q(. - v) against Q, Q = N_Z(0, variance)^2; a shift along one coordinate alone has
// the divergence of one dimension.
Divergences by_definition(long double q, long double variance, std::array<int, 2> v, long double order) {
  const int length = std::abs(v[0]) + std::abs(v[1]);
  const int reach = static_cast<int>(std::ceil(13 * std::sqrt(variance))) + static_cast<int>(order + 2) * length;
  const auto law = discrete_gaussian(variance, reach);
  const int second = v[1] == 0 ? 0 : reach;
  long double removed = 0, added = 0;
  for (int x = -reach; x <= reach; ++x) {
    for (int y = -second; y <= second; ++y) {
      const long double without =
          law[static_cast<std::size_t>(x + reach)] * (second == 0 ? 1 : law[static_cast<std::size_t>(y + reach)]);
      const long double shift = x * v[0] + y * v[1], square = v[0] * v[0] + v[1] * v[1];
      const long double r = 1 - q + q * std::exp((shift - square / 2) / variance);
      removed += without * std::pow(r, order);
      added += without * std::pow(r, 1 - order);
    }
  }
  return {std::log(removed) / (order - 1), std::log(added) / (order - 1)};
}

double curve_at(double q, double noise, double order) {
  return make_release_rdp(Adjacency::add_remove, SampledDiscreteGaussian{q, noise})->at(order);
}

TEST(DiscreteRdp, IsAttainedAtIntegerOrdersInOneDimension) {
  for (const double q : {0.01, 0.2, 0.9, 1.0}) {
    for (const int variance : {1, 2, 5, 30}) {
      for (const int v : {1, 2, 3}) {
        for (const int order : {2, 3, 4, 7, 16}) {
          SCOPED_TRACE(testing::Message() << q << ", " << variance << ", " << v << ", " << order);
          const double noise = std::sqrt(static_cast<double>(variance)) / v;
          const auto exact = by_definition(q, variance, {v, 0}, order);
          expect_relative(curve_at(q, noise, order), exact.removed, 1e-10L);
          if (q < 1)
            expect_relative(curve_at(q, noise, order), subsampled_gaussian_rdp_integer(q, noise, order), 1e-10L);
        }
      }
    }
  }
}

// Every vector v with |v|^2 <= D^2, also where D is no integer, both directions, integer and other orders.
TEST(DiscreteRdp, BoundsEveryShiftInBothDirections) {
  int attained = 0, compared = 0;
  for (const double q : {0.02, 0.4, 1.0}) {
    for (const int variance : {1, 3, 8}) {
      for (const int square : {1, 2, 5, 6}) {
        const double noise = std::sqrt(static_cast<double>(variance) / square) * (1 - 1e-16);
        for (const double order : {1.01, 1.5, 2.0, 2.3, 3.0, 5.5, 8.0}) {
          const double bound = curve_at(q, noise, order);
          for (int a = 0; a * a <= square; ++a) {
            for (int b = 0; b <= a && a * a + b * b <= square; ++b) {
              if (a == 0) continue;
              SCOPED_TRACE(testing::Message() << q << ", " << variance << ", " << a << "," << b << ", " << order);
              const auto exact = by_definition(q, variance, {a, b}, order);
              EXPECT_LE(exact.removed, bound * (1 + 1e-11L) + 1e-17L);
              EXPECT_LE(exact.added, bound * (1 + 1e-11L) + 1e-17L);
              // Sums near 1 have lost digits: compared where the divergence is not tiny.
              EXPECT_TRUE(exact.added <= exact.removed * (1 + 1e-11L) || exact.removed < 1e-6L);
              ++compared;
              if (a * a + b * b == square && order == std::floor(order) && exact.removed > bound * (1 - 1e-10L))
                ++attained;
            }
          }
        }
      }
    }
  }
  EXPECT_EQ(compared, 3 * 3 * (1 + 2 + 4 + 4) * 7);
  EXPECT_EQ(attained, 3 * 3 * 3 * 3) << "squares 1, 2 and 5 have vectors of that length, three orders are integers";
}

// order / (2 s^2) for every real order, and four times that where a record is replaced by another.
TEST(DiscreteRdp, WithoutSamplingIsThatOfTheUnsampledGaussian) {
  for (const double noise : {0.3, 1.0, 7.0}) {
    for (const double order : {1.0, 1.3, 2.0, 2.5, 100.0}) {
      for (const Adjacency adjacency : {Adjacency::add_remove, Adjacency::zero_out, Adjacency::replace_one}) {
        const double times = adjacency == Adjacency::replace_one ? 4 : 1;
        expect_relative(make_release_rdp(adjacency, SampledDiscreteGaussian{1, noise})->at(order),
                        times * order / (2.0L * noise * noise), 1e-14L);
      }
    }
  }
  // Half-way between two integers a shift by 1 is worth less than the bound, but not more.
  const auto exact = by_definition(1, 0.1L, {1, 0}, 1.5L);
  EXPECT_LT(exact.removed, 0.99L * curve_at(1, std::sqrt(0.1), 1.5));
}

TEST(DiscreteRdp, BetweenIntegersItIsTheLineAndNeverBelowTheContinuousCurve) {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (int i = 0; i < 4000; ++i) {
    const double q = std::pow(10, -9 * uniform(random)) * 0.999999, noise = std::pow(10, 3 * uniform(random) - 1);
    const double order = 1 + std::pow(10, 6 * uniform(random) - 3);
    // What values may be raised by for rounding.
    const double tolerance = 1e-10 + 2e-14 * order * (order / (noise * noise) - std::log(q) + 30);
    SCOPED_TRACE(testing::Message() << q << ", " << noise << ", " << order);
    const auto discrete = make_release_rdp(Adjacency::add_remove, SampledDiscreteGaussian{q, noise});
    const auto continuous = make_release_rdp(Adjacency::add_remove, PoissonSampled{q, {noise}});
    const double here = discrete->at(order);
    EXPECT_GE(here, continuous->at(order) * (1 - tolerance));
    EXPECT_LE(here, discrete->at(std::ceil(order)) * (1 + tolerance));
    EXPECT_GE(here, (order < 2 ? 0 : discrete->at(std::floor(order))) * (1 - tolerance));
    EXPECT_LE(here, order / (2 * noise * noise) * (1 + 1e-14));
    expect_relative(discrete->at(std::floor(order) + 1), continuous->at(std::floor(order) + 1), tolerance);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(DiscreteRdp, AnswersEveryOrderForAbsurdParameters) {
  for (const double noise : {5e-324, 1e-300, 1e-10, 0.01, 0.3, 20.0, 1e10, 1e300}) {
    for (const double q : {5e-324, 1e-300, 1e-9, 0.5, 1 - 1e-12, 1.0}) {
      const auto curve = make_release_rdp(Adjacency::zero_out, SampledDiscreteGaussian{q, noise});
      double before = 0;
      for (const double order : {1.0, 1 + 1e-12, 1.5, 2.0, 2.5, 40.0, 1e3 + 0.1, 1e5, 1e9 + 0.5, 1e200, kInfinity}) {
        const double here = curve->at(order);
        EXPECT_GE(here, before * (1 - 1e-11)) << q << ", " << noise << ", " << order;
        before = here;
      }
    }
  }
}

TEST(DiscreteRdp, ReplacingARecordOfASampleIsRefused) {
  EXPECT_THROW(make_release_rdp(Adjacency::replace_one, SampledDiscreteGaussian{0.5, 1}), UsageError);
  EXPECT_TRUE(why_no_rdp(Adjacency::replace_one, SampledDiscreteGaussian{0.5, 1}));
}

// delta at epsilon of releases whose outcomes are listed with their probabilities under P and under Q.
struct Outcome {
  long double p, q;
};
std::vector<Outcome> composed(const std::vector<Outcome>& a, const std::vector<Outcome>& b) {
  std::vector<Outcome> all;
  for (const Outcome& x : a)
    for (const Outcome& y : b) all.push_back({x.p * y.p, x.q * y.q});
  return all;
}
long double larger_delta(const std::vector<Outcome>& outcomes, long double epsilon) {
  const long double e = std::exp(epsilon);
  long double removed = 0, added = 0;
  for (const auto& [p, q] : outcomes) {
    removed += std::max(0.0L, p - e * q);
    added += std::max(0.0L, q - e * p);
  }
  return std::max(removed, added);
}
double epsilon_where(const std::function<long double(double)>& delta_at, double delta) {
  double low = 0, high = 200;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (delta_at(middle) > delta ? low : high) = middle;
  }
  return low;
}

// Two and three releases, every outcome listed.
TEST(DiscreteRdp, ComposedEpsilonIsNotBelowTheEnumeratedOne) {
  for (const double q : {0.1, 0.5, 1.0}) {
    for (const int variance : {1, 2, 9}) {
      for (const int v : {1, 2}) {
        const int reach = static_cast<int>(8 * std::sqrt(variance)) + v;
        const auto law = discrete_gaussian(variance, reach);
        std::vector<Outcome> once;
        for (int x = -reach; x <= reach; ++x) {
          const long double without = law[static_cast<std::size_t>(x + reach)];
          const long double shifted = std::exp((static_cast<long double>(x) * v - v * v / 2.0L) / variance);
          once.push_back({without * (1 - q + q * shifted), without});
        }
        std::vector<Outcome> outcomes = once;
        for (const int releases : {1, 2, 3}) {
          if (releases > 1) outcomes = composed(outcomes, once);
          const double noise = std::sqrt(static_cast<double>(variance)) / v;
          const AccountedEvents run{
              Adjacency::add_remove, {}, SelfComposed(SampledDiscreteGaussian{q, noise}, releases)};
          for (const double delta : {1e-3, 1e-6}) {
            SCOPED_TRACE(testing::Message() << q << ", " << variance << ", " << v << ", " << releases << ", " << delta);
            const double exact = epsilon_where([&](double epsilon) { return larger_delta(outcomes, epsilon); }, delta);
            const double bound = certified_epsilon(run, delta).bracket.upper;
            EXPECT_GE(bound, exact * (1 - 1e-9));
            EXPECT_LE(bound, 2.5 * exact + 0.5);
          }
        }
      }
    }
  }
}

// 24 releases: the losses, rounded to a grid downwards and upwards, and convolved one after the other.
TEST(DiscreteRdp, LongerRunsLieAboveTheConvolvedLosses) {
  constexpr double kStep = 0.005, kDelta = 1e-5;
  constexpr int kReleases = 24, kVariance = 4, kReach = 30;
  const double q = 0.2, noise = 2;  // v = 1
  const auto law = discrete_gaussian(kVariance, kReach);
  for (const bool upwards : {false, true}) {
    double worst = 0;
    for (const bool removed : {true, false}) {
      // Masses under the first law of the pair, by the rounded loss.
      const int half = static_cast<int>(8 / kStep);
      std::vector<double> once(static_cast<std::size_t>(2 * half + 1));
      for (int x = -kReach; x <= kReach; ++x) {
        const double without = static_cast<double>(law[static_cast<std::size_t>(x + kReach)]);
        const double r = 1 - q + q * std::exp((x - 0.5) / kVariance);
        const double loss = removed ? std::log(r) : -std::log(r);
        const double cell = upwards ? std::ceil(loss / kStep) : std::floor(loss / kStep);
        once[static_cast<std::size_t>(static_cast<int>(cell) + half)] += removed ? without * r : without;
      }
      std::vector<double> sum = {1};
      for (int i = 0; i < kReleases; ++i) {
        std::vector<double> next(sum.size() + once.size() - 1);
        for (std::size_t b = 0; b < once.size(); ++b)
          if (once[b] > 0)
            for (std::size_t a = 0; a < sum.size(); ++a) next[a + b] += sum[a] * once[b];
        sum = std::move(next);
      }
      const auto delta_at = [&](double epsilon) {
        long double delta = 0;
        for (std::size_t i = 0; i < sum.size(); ++i) {
          const double loss = (static_cast<double>(i) - static_cast<double>(kReleases) * half) * kStep;
          if (loss > epsilon) delta += sum[i] * -std::expm1(epsilon - loss);
        }
        return delta;
      };
      worst = std::max(worst, epsilon_where(delta_at, kDelta));
    }
    const AccountedEvents run{Adjacency::zero_out, {}, SelfComposed(SampledDiscreteGaussian{q, noise}, kReleases)};
    const double bound = certified_epsilon(run, kDelta).bracket.upper;
    // Renyi accounting costs 8 to 15 per cent, rounding up to 0.12.
    EXPECT_TRUE(upwards ? bound <= 1.3 * worst : bound >= worst) << upwards << ": " << bound << ", " << worst;
  }
}

// Beyond an epsilon of some tens the best order is below 2, where the line costs more.
TEST(DiscreteRdp, CostsAboutWhatContinuousNoiseDoes) {
  int compared = 0;
  for (const double q : {0.001, 0.02, 0.3}) {
    for (const double noise : {0.7, 1.0, 3.0}) {
      const RdpAccountant discrete(Adjacency::add_remove, SelfComposed(SampledDiscreteGaussian{q, noise}, 1000));
      const RdpAccountant continuous(Adjacency::add_remove, SelfComposed(PoissonSampled{q, {noise}}, 1000));
      for (const double delta : {1e-5, 1e-9}) {
        EXPECT_GE(discrete.epsilon(delta), continuous.epsilon(delta) * (1 - 1e-9));
        if (continuous.epsilon(delta) > 30) continue;
        EXPECT_LE(discrete.epsilon(delta), continuous.epsilon(delta) * 1.05) << q << ", " << noise << ", " << delta;
        ++compared;
      }
    }
  }
  EXPECT_GE(compared, 12);
}

// The engines that need a pair in one dimension refuse; what is certified is the end of Renyi accounting, and 0.
TEST(DiscreteRdp, RenyiAccountingAloneAnswers) {
  using enum Method;
  for (const double q : {0.01, 1.0}) {
    const AccountedEvents run{Adjacency::add_remove, {}, SelfComposed(SampledDiscreteGaussian{q, 1}, 100)};
    for (const Method method : {pld, contour, gaussian}) {
      EXPECT_TRUE(why_unsupported(method, run));
      EXPECT_THROW(make_accountant(method, run), UsageError);
    }
    EXPECT_THROW(PldAccountant(Adjacency::add_remove, merge(Adjacency::add_remove, run.event), {}), UsageError);
    EXPECT_EQ(bracket_methods(run), std::vector{rdp});
    const CertifiedBracket epsilon = certified_epsilon(run, 1e-5), delta = certified_delta(run, 2);
    EXPECT_EQ(epsilon.methods, std::vector{rdp});
    EXPECT_EQ(epsilon.bracket.lower, 0);
    EXPECT_EQ(epsilon.bracket.upper, RdpAccountant(Adjacency::add_remove, run.event).epsilon(1e-5));
    EXPECT_EQ(delta.bracket.lower, 0);
    EXPECT_EQ(delta.bracket.upper, RdpAccountant(Adjacency::add_remove, run.event).delta(2));
    EXPECT_THROW(certified_epsilon(run, -1), UsageError);
  }
}

TEST(DiscreteRdp, MixedWithOtherReleasesItCostsMoreAndWithoutAMethodNothingIsSaid) {
  const Event discrete = SelfComposed(SampledDiscreteGaussian{0.1, 2}, 50);
  const AccountedEvents mixed{Adjacency::add_remove, {}, Composed{{discrete, Gaussian{4}, PoissonSampled{0.1, {2}}}}};
  EXPECT_GT(certified_epsilon(mixed, 1e-5).bracket.upper,
            certified_epsilon({Adjacency::add_remove, {}, discrete}, 1e-5).bracket.upper);
  EXPECT_EQ(certified_epsilon(mixed, 1e-5).bracket.lower, 0);
  EXPECT_EQ(certified_epsilon({Adjacency::add_remove, {}, Composed{{discrete, NonPrivate{}}}}, 1e-5).bracket.upper,
            kInfinity);
  const AccountedEvents neither{Adjacency::add_remove, {}, Composed{{discrete, TruncatedPoisson{0.01, 1000, 40, {2}}}}};
  for (const auto& question : {std::function<void()>([&] { certified_epsilon(neither, 1e-5); }),
                               std::function<void()>([&] { bracket_methods(neither); })}) {
    try {
      question();
      ADD_FAILURE() << "answered";
    } catch (const UsageError& error) {
      const std::string what = error.what();
      EXPECT_NE(what.find("pld: discrete Gaussian noise has no dominating pair"), std::string::npos) << what;
      EXPECT_NE(what.find("rdp: truncated Poisson"), std::string::npos) << what;
    }
  }
}

TEST(DiscreteRdp, GroupsAreCoveredWithoutSamplingOnly) {
  const PrivacyUnit group{PrivacyUnit::Kind::group, 3};
  const double three =
      certified_epsilon({Adjacency::replace_one, group, SampledDiscreteGaussian{1, 6}}, 1e-5).bracket.upper;
  EXPECT_EQ(three, certified_epsilon({Adjacency::replace_one, {}, SampledDiscreteGaussian{1, 2}}, 1e-5).bracket.upper);
  EXPECT_THROW(certified_epsilon({Adjacency::add_remove, group, SampledDiscreteGaussian{0.5, 6}}, 1e-5), UsageError);
}

}  // namespace
}  // namespace sotto::privacy
