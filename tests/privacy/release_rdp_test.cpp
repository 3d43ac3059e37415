// Curves of single releases: the nodes that they are read from, replacing a record, and every kind at its limits.

#include <gtest/gtest.h>
#include <sotto/privacy/rdp.h>
#include <sotto/privacy/rdp_accountant.h>
#include <sotto/privacy/release_rdp.h>
#include <sotto/privacy/renyi_nodes.h>

#include <cmath>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "golden_table.h"
#include "rdp_reference.h"

namespace sotto::privacy {
namespace {

using reference::brute_force_rdp, reference::expect_relative, reference::kRootTwoPi, reference::mixture;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

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
