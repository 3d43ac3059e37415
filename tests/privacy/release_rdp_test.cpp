#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/pure_rdp.h>
#include <sotto/privacy/rdp.h>
#include <sotto/privacy/rdp_accountant.h>
#include <sotto/privacy/release_rdp.h>
#include <sotto/privacy/renyi_nodes.h>
#include <sotto/privacy/without_replacement_rdp.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <vector>

#include "golden_table.h"

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr long double kRootTwoPi = 2.506628274631000502415765284811045253L;

void expect_relative(double value, long double expected, long double tolerance) {
  EXPECT_LE(std::abs(value - expected), tolerance * std::abs(expected))
      << "got " << value << ", expected " << static_cast<double>(expected);
}

// log integral of p^order q^(1-order) / (order - 1) by the definition, in extended precision, for normal mixtures of
// unit variance. Good where the divergence is not tiny.
using Density = std::function<long double(long double)>;
long double brute_force_rdp(const Density& p, const Density& q, long double order, long double low, long double high) {
  constexpr long double kStep = 1 / 64.0L;
  long double sum = 0;
  for (long double u = low; u <= high; u += kStep)
    sum += std::exp(order * std::log(p(u)) + (1 - order) * std::log(q(u))) * kStep;
  return std::log(sum) / (order - 1);
}
Density mixture(const std::vector<long double>& centres, const std::vector<long double>& weights) {
  return [=](long double u) {
    long double sum = 0;
    for (size_t i = 0; i < centres.size(); ++i)
      sum += weights[i] * std::exp(-(u - centres[i]) * (u - centres[i]) / 2) / kRootTwoPi;
    return sum;
  };
}

TEST(RenyiNodes, MeetGoldenTableInBothDirections) {
  int checked = 0;
  for (const GoldenRow& row : read_golden("golden_rdp.csv")) {
    SCOPED_TRACE(row.text("q") + ", " + row.text("sigma") + ", " + row.text("alpha"));
    const double q = row.number("q"), s = row.number("sigma"), order = row.number("alpha");
    // Without sampling, or with two far modes, other forms are used.
    if (q == 1 || order / s > 2000) continue;
    RenyiNodes removal(removal_pair(q, s)), addition(addition_pair(q, s));
    const auto removed = removal.divergence(order), added = addition.divergence(order);
    ASSERT_TRUE(removed && added);
    expect_relative(*removed, row.number("rdp_remove"), 2e-12);
    expect_relative(*added, row.number("rdp_add"), 2e-12);
    ++checked;
  }
  EXPECT_GE(checked, 20);
}

TEST(RenyiNodes, AgreeWithTheSingleOrderQuadratureWhateverWasAskedBefore) {
  std::mt19937_64 random(31);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (int i = 0; i < 200; ++i) {
    const double q = std::pow(10, -8 * uniform(random)) * 0.999999, s = 0.03 * std::pow(3000, uniform(random));
    RenyiNodes removal(removal_pair(q, s)), addition(addition_pair(q, s));
    for (int k = 0; k < 10; ++k) {
      const double order = 1 + std::pow(10, 7 * uniform(random) - 3);
      SCOPED_TRACE(testing::Message() << q << ", " << s << ", " << order);
      const auto removed = removal.divergence(order), added = addition.divergence(order);
      const double unsampled = order / (2 * s * s);
      if (removed)
        expect_relative(std::min(*removed, unsampled), subsampled_gaussian_rdp(q, s, order, Direction::remove), 4e-12);
      if (added) expect_relative(*added, subsampled_gaussian_rdp(q, s, order, Direction::add), 4e-12);
    }
  }
}

TEST(ReplaceOne, CurveIsTheDivergenceOfThePairByDefinition) {
  for (const double q : {0.01, 0.3, 0.9}) {
    for (const double s : {0.5, 1.0, 4.0}) {
      for (const double order : {1.5, 2.0, 7.3, 30.0}) {
        SCOPED_TRACE(testing::Message() << q << ", " << s << ", " << order);
        const long double centre = 1 / static_cast<long double>(s), weight = q;
        const auto plus = mixture({0, centre}, {1 - weight, weight}),
                   minus = mixture({0, -centre}, {1 - weight, weight});
        // Distances up to 2 order / s and the tails; the extended range holds the densities.
        const long double reach = 12 + 2 * order / s;
        if (reach > 130) continue;
        const auto curve = make_release_rdp(Adjacency::replace_one, PoissonSampled{q, {s}});
        expect_relative(curve->at(order), brute_force_rdp(plus, minus, order, -reach, reach), 1e-11);
      }
    }
  }
}

TEST(ReplaceOne, LimitsAreThoseOfTheGaussianAndOfNothing) {
  // All records in: N(1) against N(-1).
  const auto nearly_all = make_release_rdp(Adjacency::replace_one, PoissonSampled{1 - 1e-15, {2}});
  expect_relative(nearly_all->at(3), 2 * 3 / 4.0L, 1e-12);
  EXPECT_EQ(RdpAccountant(Adjacency::replace_one, PoissonSampled{1, {2}}).rdp(3),
            RdpAccountant(Adjacency::replace_one, Gaussian{2}).rdp(3));
  expect_relative(RdpAccountant(Adjacency::replace_one, Gaussian{2}).rdp(3), 2 * 3 / 4.0L, 3e-11);
  // Rarely one: to first order order q^2 E[(phi+ - phi-)^2 / phi] / 2 = order q^2 (e^(1/s^2) - e^(-1/s^2)).
  const auto rare = make_release_rdp(Adjacency::replace_one, PoissonSampled{1e-12, {0.7}});
  expect_relative(rare->at(2.5), 2.5L * 1e-24L * 2 * std::sinh(1 / 0.49L), 1e-9);
  EXPECT_EQ(rare->at(kInfinity), kInfinity);
}

// Under much noise only the means of P and Q differ, by q, 2 q or the mean sensitivity: order distance^2 / (2 s^2).
TEST(ReleaseRdp, MuchNoiseFollowsTheQuadraticLaw) {
  for (const double q : {0.1, 0.6, 0.99}) {
    for (const double s : {1e6, 1e12, 1e60}) {
      for (const double order : {1.0, 1.5, 4.0}) {
        const long double law = order / 2 * q * q / s / s;
        const auto added = make_release_rdp(Adjacency::add_remove, PoissonSampled{q, {s}});
        const auto replaced = make_release_rdp(Adjacency::replace_one, PoissonSampled{q, {s}});
        const auto mixed =
            make_release_rdp(Adjacency::add_remove, MixtureOfGaussians{s, {0, 1, 2}, {1 - q, q / 2, q / 2}});
        SCOPED_TRACE(testing::Message() << q << ", " << s << ", " << order);
        expect_relative(added->at(order), law, 1e-11);
        expect_relative(replaced->at(order), 4 * law, 1e-11);
        expect_relative(mixed->at(order), 2.25L * law, 1e-11);
        RenyiNodes addition(addition_pair(q, s));
        expect_relative(*addition.divergence(order), law, 1e-11);
      }
    }
  }
}

TEST(ReplaceOne, IsAnUpperBoundOfTheExactDelta) {
  for (const GoldenRow& row : read_golden("golden_delta.csv")) {
    const double epsilon = row.number("eps"), exact = row.number("delta_replace");
    if (epsilon < 0 || row.number("q") == 0) continue;
    SCOPED_TRACE(row.text("q") + ", " + row.text("sigma") + ", " + row.text("eps"));
    const RdpAccountant run(Adjacency::replace_one, PoissonSampled{row.number("q"), {row.number("sigma")}});
    EXPECT_GE(run.delta(epsilon), exact * (1 - 1e-11));
  }
}

TEST(ReplaceOne, ComposedLiesAboveTheExactEpsilonAndNotFar) {
  const RdpAccountant run(Adjacency::replace_one, Phases{{{0.01, {1}}, 1000}});
  EXPECT_GE(run.epsilon(1e-5), 2.84344 - 3e-5);  // exact, published
  EXPECT_LE(run.epsilon(1e-5), 1.2 * 2.84344);
  EXPECT_GT(run.epsilon(1e-5), RdpAccountant(Adjacency::add_remove, Phases{{{0.01, {1}}, 1000}}).epsilon(1e-5));
}

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

// E_Q[r^2] and E_Q[r^3] of a mixture are sums over pairs and triples of centres.
TEST(Mixture, IntegerOrdersAreSumsOverTuples) {
  const MixtureOfGaussians event{2, {0, 2, 3}, {0.33, 0.34, 0.33}};
  const auto curve = make_release_rdp(Adjacency::add_remove, event);
  long double second = 0, third = 0;
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j) {
      const long double a = event.sensitivities[i] / 2, b = event.sensitivities[j] / 2;
      second += static_cast<long double>(event.probabilities[i]) * event.probabilities[j] * std::exp(a * b);
      for (int k = 0; k < 3; ++k) {
        const long double c = event.sensitivities[k] / 2;
        third += static_cast<long double>(event.probabilities[i]) * event.probabilities[j] * event.probabilities[k] *
                 std::exp(a * b + b * c + a * c);
      }
    }
  expect_relative(curve->at(2), std::log(second), 1e-12);
  expect_relative(curve->at(3), std::log(third) / 2, 1e-12);
}

TEST(Mixture, OfNothingAndOneRecordIsPoissonSampling) {
  const auto mixed = make_release_rdp(Adjacency::add_remove, MixtureOfGaussians{3, {0, 3}, {0.9, 0.1}});
  for (const double order : {1.0, 1.5, 20.0, 300.0})
    expect_relative(mixed->at(order), subsampled_gaussian_rdp(0.1, 1, order, Direction::remove), 4e-12);
}

// Where adding is the worse direction, the curve follows it: the reference is hit by chance, the record is not.
TEST(Mixture, TakesTheLargerDirection) {
  const MixtureOfGaussians event{1, {0.5, 4}, {0.999, 0.001}};
  const auto curve = make_release_rdp(Adjacency::zero_out, event);
  const auto with = mixture({0.5, 4}, {0.999L, 0.001L}), without = mixture({0}, {1});
  for (const double order : {1.2, 2.0, 6.0}) {
    const long double removed = brute_force_rdp(with, without, order, -40, 60);
    const long double added = brute_force_rdp(without, with, order, -60, 60);
    expect_relative(curve->at(order), std::max(removed, added), 1e-10);
  }
}

TEST(Mixture, ComposedLiesAboveTheExactEpsilonAndNotFar) {
  const RdpAccountant run(Adjacency::add_remove,
                          Composed{{SelfComposed(MixtureOfGaussians{1, {0, 1, 2}, {0.2, 0.6, 0.2}}, 3),
                                    SelfComposed(MixtureOfGaussians{2, {0, 2, 3}, {0.33, 0.34, 0.33}}, 2)}});
  EXPECT_GE(run.epsilon(1e-6), 17.193115 - 1e-4);  // exact, published
  EXPECT_LE(run.epsilon(1e-6), 1.2 * 17.193115);
}

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

TEST(RdpAccountant, SelfComposedEqualsALoopForEveryKindOfRelease) {
  const Event kinds[] = {
      PoissonSampled{0.1, {2}}, WithoutReplacement{3, 10, {2}}, Laplace{3}, ApproxDp{0.2, 0}, Gaussian{4},
      EpochOnce{3, {5}}};
  for (const Event& kind : kinds) {
    Composed loop;
    for (int i = 0; i < 7; ++i) loop.events.push_back(kind);
    const RdpAccountant repeated(Adjacency::replace_one, SelfComposed(kind, 7)), looped(Adjacency::replace_one, loop),
        once(Adjacency::replace_one, kind);
    EXPECT_EQ(repeated.epsilon(1e-6), looped.epsilon(1e-6));
    expect_relative(repeated.rdp(5), 7 * once.rdp(5), 1e-13);
  }
  const Event mixture = MixtureOfGaussians{1, {0, 1}, {0.5, 0.5}};
  expect_relative(RdpAccountant(Adjacency::zero_out, SelfComposed(mixture, 7)).rdp(3),
                  7 * RdpAccountant(Adjacency::zero_out, mixture).rdp(3), 1e-13);
}

// Where order * log r is in the billions and its bulk and its tilted peak are about equal, rounding costs six digits.
// The same sum in extended precision must not come out above the bound.
TEST(ReleaseRdp, IsABoundIncludingRoundingAtTheJump) {
  const double q = 1e-250, s = 30;
  const double jump = 1 + 2 * s * s * -std::log(q);
  const RdpAccountant run(Adjacency::add_remove, PoissonSampled{q, {s}});
  int steep = 0;
  for (int i = 0; i < 40; ++i) {
    const double order = jump + (i - 30) / -std::log(q);
    const long double a = order, log_q = std::log(static_cast<long double>(q)), sl = s, centre = a / sl;
    long double tilted = 0;  // r = 1 - q + q e^y, and 1 - q is nothing beside q e^y here
    for (long double u = centre - 12; u <= centre + 12; u += 0.125L) {
      const long double log_r = log_q + u / sl - 0.5L / (sl * sl);
      tilted += 0.125L / kRootTwoPi * std::exp(a * (log_r + std::exp(-log_r)) - u * u / 2);
    }
    const long double exact = std::log1p(tilted) / (a - 1);
    if (exact > 1e-30L) ++steep;
    EXPECT_GE(run.rdp(order), exact * (1 - 1e-10L)) << order << " " << static_cast<double>(run.rdp(order) / exact - 1);
    EXPECT_LE(run.rdp(order), exact * (1 + 1e-5L)) << order;
  }
  EXPECT_GE(steep, 20);
}

// A sum of many divergences, each of which has lost its digits to underflow.
TEST(ReleaseRdp, UnderflowIsCountedUpwards) {
  for (double q = 1e-160; q > 1e-163; q /= 1.07) {
    const long double exact = std::log1p(static_cast<long double>(q) * q * std::expm1(1.0L));
    EXPECT_GE(RdpAccountant(Adjacency::add_remove, SelfComposed(PoissonSampled{q, {1}}, kMaxCount)).rdp(2),
              exact * kMaxCount);
  }
}

// Tiny noise, huge orders, huge noise: an answer, never NaN, never negative, monotone in the order.
TEST(ReleaseRdp, AnswersEveryOrderForAbsurdParameters) {
  std::vector<std::pair<Adjacency, SingleRelease>> releases;
  for (const double noise : {1e-300, 1e-10, 0.01, 0.0201, 0.3, 20.0, 1e10, 1e300}) {
    for (const double rate : {1e-300, 1e-9, 0.5, 1 - 1e-12}) {
      releases.emplace_back(Adjacency::add_remove, PoissonSampled{rate, {noise}});
      releases.emplace_back(Adjacency::replace_one, PoissonSampled{rate, {noise}});
    }
    releases.emplace_back(Adjacency::replace_one, WithoutReplacement{1, kMaxCount, {noise}});
    releases.emplace_back(Adjacency::replace_one, WithoutReplacement{99, 100, {noise}});
    releases.emplace_back(Adjacency::replace_one, Laplace{noise});
    releases.emplace_back(Adjacency::add_remove, MixtureOfGaussians{noise, {0, 1, 1e-200}, {0.5, 0.25, 0.25}});
    releases.emplace_back(Adjacency::add_remove, ApproxDp{noise, 0});
  }
  for (const auto& [adjacency, release] : releases) {
    const auto curve = make_release_rdp(adjacency, release);
    double before = 0;
    for (const double order : {1.0, 1 + 1e-12, 1.001, 1.5, 2.0, 2.5, 40.0, 1e3, 1e5, 1e9, 1e200, kInfinity}) {
      const double here = curve->at(order);
      EXPECT_GE(here, before * (1 - 1e-11)) << "release " << release.index() << ", order " << order;
      before = here;
    }
  }
}

}  // namespace
}  // namespace sotto::privacy
