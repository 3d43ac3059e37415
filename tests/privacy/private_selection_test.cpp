#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/private_selection.h>
#include <sotto/privacy/pure_rdp.h>
#include <sotto/privacy/rdp_accountant.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "selection_law.h"

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

RdpCurve gaussian(double rho) {
  return [rho](double order) { return rho * order; };
}

using Law = std::vector<long double>;

long double renyi(const Law& p, const Law& q, long double order) {
  long double most = 0, sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i)
    if (p[i] > 0) most = std::max(most, std::log(p[i] / q[i]));
  for (std::size_t i = 0; i < p.size(); ++i)
    if (p[i] > 0) sum += p[i] * std::exp((order - 1) * (std::log(p[i] / q[i]) - most));
  return most + std::log(sum) / (order - 1);
}

long double hockey_stick(const Law& p, const Law& q, long double epsilon) {
  long double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) sum += std::max(0.0L, p[i] - std::exp(epsilon) * q[i]);
  return sum;
}

// The law of the best of K independent outputs of `base`, whose outcomes are listed from the worst to the best; the
// first entry is that of K = 0. By the sum over K of the probability of each best.
Law best_of(const Law& base, const SelectionRuns& runs) {
  const Law law = test::selection_law(runs);
  Law best(base.size() + 1);
  best[0] = law[0];
  for (std::size_t k = 1; k < law.size(); ++k) {
    long double below = 0;
    for (std::size_t i = 0; i < base.size(); ++i) {
      const long double up_to = i + 1 == base.size() ? 1 : below + base[i];
      best[i + 1] +=
          law[k] * (std::pow(up_to, static_cast<long double>(k)) - std::pow(below, static_cast<long double>(k)));
      below = up_to;
    }
  }
  return best;
}

struct Pair {
  Law p, q;
};

// Outcomes are a score and an answer, from the worst to the best; the second law is that of a neighbour.
const std::vector<Pair>& pairs() {
  static const std::vector<Pair> kPairs{
      {{0.5, 0.5}, {0.75, 0.25}},                    // the score is a randomised response at epsilon log 3 or so
      {{0.05, 0.95}, {0.1, 0.9}},                    // a good score is common
      {{0.2, 0.3, 0.3, 0.2}, {0.3, 0.2, 0.2, 0.3}},  // two scores that each carry a response
      {{0.7, 0.29, 0.01}, {0.7, 0.292, 0.008}},
  };
  return kPairs;
}

RdpCurve curve_of(const Pair& pair) {
  return [pair](double order) {
    if (std::isinf(order)) {
      long double most = 0;
      for (std::size_t i = 0; i < pair.p.size(); ++i) most = std::max(most, std::abs(std::log(pair.p[i] / pair.q[i])));
      return static_cast<double>(most) * (1 + 1e-15);
    }
    return static_cast<double>(std::max(renyi(pair.p, pair.q, order), renyi(pair.q, pair.p, order))) * (1 + 1e-12) +
           1e-15;
  };
}

const std::vector<SelectionRuns>& laws() {
  static const std::vector<SelectionRuns> kLaws{TruncatedNegativeBinomial{1, 0.5},
                                                TruncatedNegativeBinomial{1, 0.05},
                                                TruncatedNegativeBinomial{0, 0.02},
                                                TruncatedNegativeBinomial{-0.5, 0.02},
                                                TruncatedNegativeBinomial{0.5, 0.1},
                                                TruncatedNegativeBinomial{3, 0.2},
                                                TruncatedNegativeBinomial{-0.9, 0.01},
                                                PoissonRuns{0.2},
                                                PoissonRuns{1},
                                                PoissonRuns{4},
                                                PoissonRuns{30}};
  return kLaws;
}

TEST(PrivateSelection, BoundsTheDivergenceOfTheBestOfAllRuns) {
  for (std::size_t l = 0; l < laws().size(); ++l)
    for (std::size_t i = 0; i < pairs().size(); ++i) {
      const PrivateSelection selection(laws()[l], curve_of(pairs()[i]));
      const Law p = best_of(pairs()[i].p, laws()[l]), q = best_of(pairs()[i].q, laws()[l]);
      for (const double order : {1.05, 2.0, 8.0, 50.0}) {
        EXPECT_LE(renyi(p, q, order), selection.rdp(order)) << l << " " << i << " " << order;
        EXPECT_LE(renyi(q, p, order), selection.rdp(order)) << l << " " << i << " " << order;
      }
      for (const double epsilon : {0.0, 0.1, 0.5, 1.5}) {
        const long double truth = std::max(hockey_stick(p, q, epsilon), hockey_stick(q, p, epsilon));
        EXPECT_LE(truth, selection.delta(epsilon) + 1e-15) << l << " " << i << " " << epsilon;
      }
      for (const double delta : {0.0, 1e-4, 0.05}) {
        const double epsilon = selection.epsilon(delta);
        if (!std::isfinite(epsilon)) continue;
        EXPECT_LE(std::max(hockey_stick(p, q, epsilon), hockey_stick(q, p, epsilon)), delta + 1e-15)
            << l << " " << i << " " << delta;
      }
    }
}

// The middle one of three outcomes is twice as likely as for the neighbour, and what is better half as likely: the best
// of a geometric number of runs, whose generating function is gamma x / (gamma + (1 - gamma) (1 - x)), is the middle
// one nearly 2^3 times as often.
TEST(PrivateSelection, PureBoundIsNearlyReached) {
  const double gamma = 1e-5;
  const auto generating = [&](double x) { return gamma * x / (gamma + (1 - gamma) * (1 - x)); };
  const auto middle = [&](double probability, double better) {
    return generating(1 - better) - generating(1 - better - probability);
  };
  const double truth = std::log(middle(2e-4, 0.01) / middle(1e-4, 0.02));
  const PrivateSelection selection(TruncatedNegativeBinomial{1, gamma},
                                   [](double order) { return pure_rdp(std::log(2.0), order); });
  EXPECT_GT(truth, 0.97 * selection.epsilon(0));
  EXPECT_LE(truth, selection.epsilon(0));
}

// Corollary 3.
TEST(PrivateSelection, PureEpsilonIsMultipliedByTwoPlusEta) {
  for (const double eta : {-0.5, 0.0, 1.0, 2.5})
    for (const double epsilon : {0.01, 0.3, 2.0}) {
      const PrivateSelection selection(TruncatedNegativeBinomial{eta, 1e-30},
                                       [epsilon](double order) { return pure_rdp(epsilon, order); });
      const double whole = selection.epsilon(0);
      EXPECT_GE(whole, (2 + eta) * epsilon);
      EXPECT_NEAR(whole, (2 + eta) * epsilon, 1e-9);
      EXPECT_LE(selection.epsilon(1e-9), whole);
      EXPECT_EQ(selection.delta(whole), 0);
    }
}

// With base(l) = rho l the best c is sqrt(log(1 / gamma) / rho), so that the term with c is
// (1 + eta) (2 sqrt(rho log(1 / gamma)) - rho).
TEST(PrivateSelection, GaussianCurveIsTheClosedForm) {
  for (const double eta : {-0.5, 0.0, 1.0, 3.0})
    for (const double gamma : {0.3, 0.01, 1e-6})
      for (const double rho : {1e-4, 0.02, 0.1}) {
        const TruncatedNegativeBinomial law{eta, gamma};
        const double x = -std::log(gamma);
        const double mean = eta == 0 ? (1 / gamma - 1) / x : eta * (1 - gamma) / (gamma * (1 - std::pow(gamma, eta)));
        const PrivateSelection selection(law, gaussian(rho));
        for (const double order : {1.1, 2.0, 17.0, 1000.0}) {
          const double expected =
              rho * order + (1 + eta) * (2 * std::sqrt(rho * x) - rho) + std::log(mean) / (order - 1);
          EXPECT_GE(selection.rdp(order), expected * (1 - 1e-14));
          EXPECT_NEAR(selection.rdp(order), expected, 1e-9 * (1 + expected)) << eta << " " << gamma << " " << rho;
        }
        EXPECT_EQ(selection.rdp(kInfinity), kInfinity);
        // The least over a fine grid of orders of the conversion of Canonne, Kamath and Steinke.
        const double delta = 1e-6;
        double least = kInfinity;
        for (double t = -5; t < 8; t += 1e-3) {
          const double order_m1 = std::exp(t), order = 1 + order_m1;
          const double rdp = rho * order + (1 + eta) * (2 * std::sqrt(rho * x) - rho) + std::log(mean) / order_m1;
          least = std::min(least, rdp + std::log1p(-1 / order) - (std::log(delta) + std::log(order)) / order_m1);
        }
        EXPECT_LE(selection.epsilon(delta), least * (1 + 1e-9));
        if (least > 0.2) {
          EXPECT_NEAR(selection.epsilon(delta), least, 1e-4 * least);
        }
        EXPECT_LE(selection.delta(selection.epsilon(delta)), delta * (1 + 1e-6));
      }
}

TEST(PrivateSelection, PoissonCurveIsTheFormula) {
  for (const double mean : {0.5, 1.0, 8.0, 200.0})
    for (const double rho : {1e-3, 0.05}) {
      const PrivateSelection selection(PoissonRuns{mean}, gaussian(rho));
      for (const double order : {1.2, 2.0, 9.0, 60.0}) {
        const double largest = std::log(1 + 1 / (order - 1));
        double least = 0;
        for (double t = -6; t < 11; t += 1e-3) {
          const double m1 = std::exp(t), a = 1 + m1;
          least = std::min(least, m1 * (rho * a - largest + std::log1p(-1 / a)) - std::log(a));
        }
        const double run = rho * order + mean * std::exp(least);
        const double expected = std::log(std::exp(-mean) + mean * std::exp((order - 1) * run)) / (order - 1);
        EXPECT_LE(selection.rdp(order), expected * (1 + 1e-6)) << mean << " " << rho << " " << order;
        EXPECT_GE(selection.rdp(order), rho * order + std::log(mean) / (order - 1));
        // Theorem 6 is below by no more than the term for K = 0.
        const double theorem = run + std::log(mean) / (order - 1);
        EXPECT_LE(selection.rdp(order), theorem + std::exp(-mean) / mean / (order - 1) + 1e-6 * expected);
      }
    }
}

// Runs that show nothing: without the term for K = 0 the bound would be log(1 / 2), below any divergence.
TEST(PrivateSelection, FewPoissonRunsAreNotBetterThanNothing) {
  const PrivateSelection selection(PoissonRuns{0.5}, [](double) { return 0.0; });
  EXPECT_NEAR(selection.rdp(2), std::log(std::exp(-0.5) + 0.5), 2e-3);
  EXPECT_GT(selection.rdp(2), 0);
}

TEST(PrivateSelection, EventsGiveTheirRenyiCurve) {
  AccountedEvents events;
  events.adjacency = Adjacency::add_remove;
  events.event = SelfComposed(PoissonSampled{0.01, Gaussian{1}}, 1000);
  const RdpAccountant accountant(Adjacency::add_remove, events.event);
  const RdpCurve curve = [&](double order) { return accountant.rdp(order); };
  for (const SelectionRuns& runs :
       {SelectionRuns{TruncatedNegativeBinomial{0, 0.02}}, SelectionRuns{PoissonRuns{10}}}) {
    const PrivateSelection from_events(runs, events), from_curve(runs, curve);
    EXPECT_EQ(from_events.rdp(8), from_curve.rdp(8));
    EXPECT_EQ(from_events.epsilon(1e-5), from_curve.epsilon(1e-5));
    EXPECT_GT(from_events.epsilon(1e-5), accountant.epsilon(1e-5));
    EXPECT_LT(from_events.epsilon(1e-5), 3 * accountant.epsilon(1e-5));
  }
  AccountedEvents groups = events;
  groups.unit = {PrivacyUnit::Kind::group, 2};
  EXPECT_GT(PrivateSelection(PoissonRuns{10}, groups).epsilon(1e-5),
            PrivateSelection(PoissonRuns{10}, events).epsilon(1e-5));
}

// eta = 0: log(1 / gamma) is about log E[K] + log log E[K], and the cost is at most linear in it.
TEST(PrivateSelection, CostGrowsLikeTheLogarithmOfTheRuns) {
  const auto epsilon = [](double eta, double mean) {
    return PrivateSelection(truncated_negative_binomial(eta, mean), gaussian(0.1)).epsilon(1e-6);
  };
  const double first = epsilon(0, 10), second = epsilon(0, 1e3), third = epsilon(0, 1e5);
  EXPECT_GT(second, first);
  EXPECT_GT(third, second);
  EXPECT_LT(third - second, 1.05 * (second - first));
  EXPECT_LT(third, 2 * first);
  for (const double mean : {10.0, 1e3}) EXPECT_LT(epsilon(0, mean), epsilon(1, mean));
}

TEST(PrivateSelection, NoOrderOfAGridIsBetterThanTheSearch) {
  for (const SelectionRuns& runs : {SelectionRuns{PoissonRuns{0.5}}, SelectionRuns{PoissonRuns{10}},
                                    SelectionRuns{truncated_negative_binomial(0, 10)}})
    for (const double rho : {1e-3, 0.05}) {
      const PrivateSelection selection(runs, gaussian(rho));
      const double epsilon = selection.epsilon(1e-6), delta = selection.delta(0.8);
      for (double t = -6.9; t < 11.5; t += 0.05) {
        const double order = 1 + std::exp(t), rdp = selection.rdp(order);
        EXPECT_LE(epsilon, epsilon_at_order(rdp, order, 1e-6, Conversion::standard) * (1 + 1e-9));
        EXPECT_LE(epsilon, epsilon_at_order(rdp, order, 1e-6, Conversion::asoodeh) * (1 + 1e-9));
        EXPECT_LE(delta, delta_at_order(rdp, order, 0.8, Conversion::standard) * (1 + 1e-9));
      }
    }
}

TEST(PrivateSelection, OneRunCostsWhatItCosts) {
  const PrivateSelection once(TruncatedNegativeBinomial{1, 1 - 1e-9}, gaussian(0.1));
  EXPECT_NEAR(once.epsilon(1e-6), epsilon_from_rdp(gaussian(0.1), 1e-6), 1e-3);
  EXPECT_GE(once.epsilon(1e-6), epsilon_from_rdp(gaussian(0.1), 1e-6));
}

TEST(PrivateSelection, CurvesWithoutABoundGiveNone) {
  for (const SelectionRuns& runs :
       {SelectionRuns{TruncatedNegativeBinomial{0, 0.02}}, SelectionRuns{PoissonRuns{10}}}) {
    const PrivateSelection selection(runs, [](double) { return kInfinity; });
    EXPECT_EQ(selection.rdp(2), kInfinity);
    EXPECT_EQ(selection.epsilon(1e-5), kInfinity);
    EXPECT_EQ(selection.epsilon(0), kInfinity);
    EXPECT_EQ(selection.delta(3), 1);
  }
}

TEST(PrivateSelection, RefusesWhatTheTheoremsExclude) {
  for (const SelectionRuns& bad :
       {SelectionRuns{TruncatedNegativeBinomial{-1, 0.5}}, SelectionRuns{TruncatedNegativeBinomial{1, 1}},
        SelectionRuns{TruncatedNegativeBinomial{1, 0}}, SelectionRuns{PoissonRuns{0}}, SelectionRuns{PoissonRuns{}}})
    EXPECT_THROW(PrivateSelection(bad, gaussian(0.1)), UsageError);
  const TruncatedNegativeBinomial law{1, 0.1};
  EXPECT_THROW(PrivateSelection(law, RdpCurve{}), UsageError);
  EXPECT_THROW(PrivateSelection(law, [](double) { return -1.0; }), UsageError);
  EXPECT_THROW(PrivateSelection(law, [](double) { return kNan; }), UsageError);
  EXPECT_THROW(PrivateSelection(law, AccountedEvents{}), UsageError);
  const PrivateSelection selection(law, gaussian(0.1));
  for (const double bad : {1.0, 0.5, kNan}) EXPECT_THROW(selection.rdp(bad), UsageError);
  for (const double bad : {-1e-9, 1.0, kNan}) EXPECT_THROW(selection.epsilon(bad), UsageError);
  for (const double bad : {-1e-9, kInfinity, kNan}) EXPECT_THROW(selection.delta(bad), UsageError);
  AccountedEvents failing;
  failing.adjacency = Adjacency::add_remove;
  failing.event = ApproxDp{1, 1e-6};
  EXPECT_THROW(PrivateSelection(law, failing), UsageError);
}

}  // namespace
}  // namespace sotto::privacy
