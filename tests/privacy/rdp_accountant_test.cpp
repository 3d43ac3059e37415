#include <gtest/gtest.h>
#include <sotto/privacy/analytic_gaussian.h>
#include <sotto/privacy/conversion.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/rdp.h>
#include <sotto/privacy/rdp_accountant.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "golden_table.h"

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

RdpAccountant accountant(double q, double s, int64_t steps) {
  return RdpAccountant(Adjacency::add_remove, Phases{{{q, {s}}, steps}});
}

TEST(Conversion, StandardAtOneOrderMeetsPublishedValues) {
  // Constant RDP 1.1 over orders 2..32: the largest order is best.
  double least = kInfinity;
  for (int order = 2; order <= 32; ++order)
    least = std::min(least, epsilon_at_order(1.1, order, 1e-5, Conversion::standard));
  EXPECT_NEAR(least, 1.32783806176, 1e-10);
  EXPECT_EQ(least, epsilon_at_order(1.1, 32, 1e-5, Conversion::standard));
}

TEST(Conversion, GaussianMeetsPublishedValues) {
  const RdpCurve curve = [](double order) { return order / (2 * 4.530877117 * 4.530877117); };
  EXPECT_NEAR(epsilon_from_rdp(curve, 1e-6), 1, 1e-7);
  const RdpCurve unit = [](double order) { return order / 2; };
  EXPECT_NEAR(epsilon_from_rdp_classic(unit, 1e-5), 0.5 + std::sqrt(2 * std::log(1e5)), 1e-9);  // closed form
  EXPECT_NEAR(epsilon_from_rdp(unit, 1e-5), 4.72839, 5e-6);
}

TEST(Conversion, TakesTheBetterBranchForVerySmallLosses) {
  const double mu = 1e-4;
  const double epsilon = epsilon_from_rdp([&](double order) { return order * mu * mu / 2; }, 1e-5);
  EXPECT_LE(epsilon, 3.7e-4);  // published for a coarser set of orders; the standard branch alone gives 2.1e-3 there
  EXPECT_GE(epsilon, gaussian_epsilon(mu, 1e-5));
}

TEST(Conversion, ZeroRdpIsNotAProof) {
  EXPECT_GT(epsilon_at_order(0, 1 + 1e-8, 1e-3, Conversion::asoodeh), 0);
  EXPECT_GT(epsilon_at_order(0, 1 + 1e-8, 1e-3, Conversion::standard), 0);
  EXPECT_GT(epsilon_from_rdp([](double) { return 0.0; }, 1e-9), 0);
  EXPECT_GT(delta_from_rdp([](double) { return 0.0; }, 1), 0);
  EXPECT_GT(delta_at_order(0, 2, 1, Conversion::asoodeh), 0);
}

TEST(Conversion, DeltaAndEpsilonFormsAreInverse) {
  for (const double rdp : {1e-9, 1e-3, 0.7, 30.0}) {
    for (const double order : {1.01, 2.0, 40.0}) {
      for (const Conversion conversion : {Conversion::standard, Conversion::asoodeh}) {
        const double epsilon = epsilon_at_order(rdp, order, 1e-7, conversion);
        EXPECT_NEAR(std::log(delta_at_order(rdp, order, epsilon, conversion)), std::log(1e-7), 1e-8);
      }
    }
  }
}

// The same formulas in extended precision, term by term, may not come out above what we call an upper bound.
TEST(Conversion, RoundsUp) {
  std::mt19937_64 random(19);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (int i = 0; i < 5000; ++i) {
    const double order = 1 + std::pow(10, 8 * uniform(random) - 3), delta = std::pow(10, -1 - 30 * uniform(random));
    const double rdp = std::pow(10, 18 * uniform(random) - 15);
    SCOPED_TRACE(testing::Message() << rdp << ", " << order << ", " << delta);
    const long double a = order, d = delta, r = rdp;
    const long double standard = r + std::log((a - 1) / a) - (std::log(d) + std::log(a)) / (a - 1);
    EXPECT_GE(epsilon_at_order(rdp, order, delta, Conversion::standard), standard - 1e-18L * (r + 1 / (a - 1)));
    if ((a - 1) * r > 10000) continue;
    const long double asoodeh = std::log1p(std::expm1((a - 1) * r) / (a * d)) / (a - 1);
    EXPECT_GE(epsilon_at_order(rdp, order, delta, Conversion::asoodeh), asoodeh);
  }
}

TEST(Conversion, InfiniteRdpGivesNoGuarantee) {
  for (const Conversion conversion : {Conversion::standard, Conversion::asoodeh, Conversion::classic})
    EXPECT_EQ(epsilon_at_order(kInfinity, 2, 1e-5, conversion), kInfinity);
  EXPECT_EQ(delta_at_order(kInfinity, 2, 1, Conversion::standard), 1);
  EXPECT_EQ(epsilon_from_rdp([](double) { return kInfinity; }, 1e-5), kInfinity);
  EXPECT_LT(epsilon_from_rdp([](double order) { return order < 1.5 ? 1.0 : kInfinity; }, 1e-5), 100);
}

TEST(Conversion, RefusesMeaninglessInput) {
  for (const double rdp : {-1e-9, kNan}) EXPECT_THROW(epsilon_at_order(rdp, 2, 1e-5, Conversion::standard), UsageError);
  for (const double order : {1.0, 0.0, -2.0, kInfinity, kNan})
    EXPECT_THROW(epsilon_at_order(1, order, 1e-5, Conversion::standard), UsageError);
  for (const double delta : {0.0, 1.0, -0.1, kInfinity, kNan})
    EXPECT_THROW(epsilon_at_order(1, 2, delta, Conversion::standard), UsageError);
  for (const double epsilon : {-0.1, kInfinity, kNan})
    EXPECT_THROW(delta_at_order(1, 2, epsilon, Conversion::standard), UsageError);
  EXPECT_THROW(delta_at_order(1, 2, 1, Conversion::classic), UsageError);
}

TEST(RdpAccountant, MeetsPublishedEpsilons) {
  const double q = 256.0 / 60000;
  const RdpAccountant mnist = accountant(q, 1.1, 14062);
  EXPECT_NEAR(mnist.epsilon(1e-5), 2.59656, 1e-4);
  EXPECT_NEAR(epsilon_from_rdp_classic([&](double order) { return mnist.rdp(order); }, 1e-5), 3.00826, 5e-4);
  EXPECT_NEAR(accountant(0.01, 1, 1000).epsilon(1e-5), 2.10132, 5e-6);
  // Published over the orders 1.1, 1.2, ..., of which 3.9 is best.
  const RdpAccountant run = accountant(0.04, 1.5, 2250);
  EXPECT_NEAR(epsilon_at_order(run.rdp(3.9), 3.9, 1e-5, Conversion::standard), 7.32911117143, 1e-8);
  EXPECT_LE(run.epsilon(1e-5), 7.32911117143);
  EXPECT_GE(run.epsilon(1e-5), 0.999 * 7.32911117143);
}

// Published at the best integer order; the continuous search may only be better, and not by much.
TEST(RdpAccountant, IsNoWorseThanPublishedIntegerOrders) {
  const struct {
    double n, batch, noise, epochs, delta, order, epsilon;
  } rows[] = {{60000, 150, 1.3, 15, 1e-5, 19, 0.7242234026}, {100000, 100, 1, 30, 1e-7, 13, 1.4154988495}};
  for (const auto& row : rows) {
    const RdpAccountant run = accountant(row.batch / row.n, row.noise, std::llround(row.epochs * row.n / row.batch));
    EXPECT_NEAR(epsilon_at_order(run.rdp(row.order), row.order, row.delta, Conversion::standard), row.epsilon, 1e-8);
    EXPECT_LE(run.epsilon(row.delta), row.epsilon + 1e-9);
    EXPECT_GE(run.epsilon(row.delta), 0.995 * row.epsilon);
  }
}

TEST(RdpAccountant, IsAnUpperBoundOfTheExactEpsilon) {
  const auto rows = read_golden("golden_composed.csv");
  ASSERT_EQ(rows.size(), 23u);
  for (const GoldenRow& row : rows) {
    SCOPED_TRACE(row.text("label"));
    const auto q = row.numbers("q"), s = row.numbers("sigma"), steps = row.numbers("T");
    Phases events;
    for (size_t phase = 0; phase < q.size(); ++phase)
      events.push_back({{q[phase], {s[phase]}}, std::llround(steps[phase])});
    const RdpAccountant run(Adjacency::add_remove, events);
    const double epsilon = run.epsilon(row.number("delta"));
    EXPECT_GE(epsilon, row.number("eps_max") - row.number("tol"));
    EXPECT_LE(epsilon, 4 * row.number("eps_max"));
    // The other way round: at the exact epsilon, delta must not be smaller than the exact delta.
    EXPECT_GE(run.delta(row.number("eps_max") - row.number("tol")), row.number("delta") * (1 - 1e-9));
  }
}

TEST(RdpAccountant, CurveIsAnUpperBoundIncludingRounding) {
  for (const GoldenRow& row : read_golden("golden_rdp.csv")) {
    const double bound = accountant(row.number("q"), row.number("sigma"), 1).rdp(row.number("alpha"));
    const double exact = row.number("rdp_remove");
    EXPECT_GE(bound, exact * (1 + 1e-12)) << row.text("q") << ", " << row.text("sigma") << ", " << row.text("alpha");
    EXPECT_LE(bound, exact * (1 + 2e-11));
  }
}

// The whole input domain, absurd corners included: an answer in [0, infinity], and no hang.
TEST(RdpAccountant, AnswersEveryValidQuestion) {
  std::mt19937_64 random(23);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (int i = 0; i < 400; ++i) {
    const double q = std::pow(10, -320 * std::pow(uniform(random), 4));
    const double s = std::pow(10, 600 * std::pow(uniform(random) - 0.5, 3) * 4);
    const auto steps = static_cast<int64_t>(std::pow(2, 53 * uniform(random)));
    const double delta = 0.999 * std::pow(10, -320 * std::pow(uniform(random), 3));
    SCOPED_TRACE(testing::Message() << q << ", " << s << ", " << steps << ", " << delta);
    const RdpAccountant run = accountant(q, s, steps);
    const double epsilon = run.epsilon(delta), delta_at_one = run.delta(1);
    EXPECT_GE(epsilon, 0);
    EXPECT_GT(delta_at_one, 0);
    EXPECT_LE(delta_at_one, 1);
  }
}

TEST(RdpAccountant, DeltaInvertsEpsilon) {
  for (const double delta : {1e-12, 1e-5, 0.01}) {
    const RdpAccountant run = accountant(0.01, 1, 1000);
    EXPECT_NEAR(std::log(run.delta(run.epsilon(delta))), std::log(delta), 1e-6);
  }
}

TEST(RdpAccountant, UnsampledReleasesBoundTheExactGaussian) {
  for (const double noise : {0.5, 2.0, 30.0}) {
    const double exact = gaussian_epsilon(std::sqrt(10) / noise, 1e-6);
    const double bound = accountant(1, noise, 10).epsilon(1e-6);
    EXPECT_GE(bound, exact);
    EXPECT_LE(bound, 1.15 * exact);
    // The curve is that of one Gaussian: order * mu^2 / 2.
    EXPECT_NEAR(accountant(1, noise, 10).rdp(3) / (3 * 10 / (2 * noise * noise)), 1, 2e-11);
  }
}

TEST(RdpAccountant, SelfComposedEqualsALoopAndOrderIsIrrelevant) {
  const PoissonSampled a{0.01, {1}}, b{0.3, {7}}, full{1, {20}};
  const RdpAccountant grouped(Adjacency::add_remove, Phases{{a, 30}, {b, 20}, {full, 2}});
  Phases loop{{full, 1}};
  for (int i = 0; i < 20; ++i) loop.push_back({b, 1});
  for (int i = 0; i < 30; ++i) loop.push_back({a, 1});
  loop.push_back({full, 1});
  const RdpAccountant looped(Adjacency::add_remove, loop);
  EXPECT_EQ(grouped.epsilon(1e-5), looped.epsilon(1e-5));
  EXPECT_EQ(grouped.delta(1), looped.delta(1));
  EXPECT_NEAR(grouped.rdp(4),
              30 * subsampled_gaussian_rdp(0.01, 1, 4, Direction::remove) +
                  20 * subsampled_gaussian_rdp(0.3, 7, 4, Direction::remove) + 2 * 4 / (2 * 20.0 * 20.0),
              1e-10);
}

TEST(RdpAccountant, EpsilonIsMonotone) {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (int i = 0; i < 60; ++i) {
    const double q = std::pow(10, -5 * uniform(random)), s = 0.3 * std::pow(100, uniform(random));
    const auto steps = static_cast<int64_t>(std::pow(10, 5 * uniform(random)));
    const double delta = std::pow(10, -1 - 12 * uniform(random));
    SCOPED_TRACE(testing::Message() << q << ", " << s << ", " << steps << ", " << delta);
    const double here = accountant(q, s, steps).epsilon(delta);
    EXPECT_TRUE(std::isfinite(here) && here >= 0) << here;
    const double slightly_more = here * (1 + 1e-9);
    EXPECT_LE(accountant(q, s * 1.05, steps).epsilon(delta), slightly_more);
    EXPECT_LE(accountant(q * 0.95, s, steps).epsilon(delta), slightly_more);
    EXPECT_LE(accountant(q, s, steps / 2).epsilon(delta), slightly_more);
    EXPECT_LE(accountant(q, s, steps).epsilon(std::min(0.9, delta * 1.1)), slightly_more);
  }
}

// A computed divergence that rounds to nothing must not become a promise of epsilon = 0 (published defect).
TEST(RdpAccountant, TinyLossesKeepAPositiveEpsilon) {
  EXPECT_GT(accountant(0.00105, 1, 1).epsilon(1e-3), 0);
  EXPECT_GT(accountant(0.003, 1, 1).epsilon(1e-3), 0);  // exact delta(0) = 0.003 * 0.3829 > 1e-3
  EXPECT_GT(accountant(1e-4, 50, 1).epsilon(1e-9), 0);
  EXPECT_GT(accountant(1, 1e200, 1).epsilon(1e-9), 0);
  EXPECT_GT(accountant(1e-300, 10, 1).epsilon(1e-9), 0);
  EXPECT_GT(accountant(1e-300, 10, 1).delta(1), 0);
}

TEST(RdpAccountant, TotalFailureOfNoiseIsInfinite) {
  EXPECT_EQ(accountant(0.1, 0, 1).epsilon(1e-5), kInfinity);
  EXPECT_EQ(accountant(1, 0, 1).epsilon(1e-5), kInfinity);
  EXPECT_EQ(accountant(0.1, 0, 1).delta(1), 1);
  EXPECT_EQ(accountant(0.1, 1, 1).epsilon(0), kInfinity);
}

TEST(RdpAccountant, NothingReleasedCostsNothing) {
  EXPECT_EQ(accountant(0, 1, 1000).epsilon(1e-5), 0);
  EXPECT_EQ(accountant(0, 0, 1000).epsilon(1e-5), 0);
  EXPECT_EQ(accountant(0.1, 1, 0).epsilon(1e-5), 0);
  EXPECT_EQ(accountant(0.1, 1, 0).epsilon(0), 0);
  EXPECT_EQ(RdpAccountant(Adjacency::zero_out, NoOp{}).delta(0), 0);
}

TEST(RdpAccountant, ZeroOutHasTheNumbersOfAddRemove) {
  const Phases events{{{0.01, {1}}, 1000}};
  EXPECT_EQ(RdpAccountant(Adjacency::zero_out, events).epsilon(1e-5),
            RdpAccountant(Adjacency::add_remove, events).epsilon(1e-5));
}

TEST(RdpAccountant, RefusesWhatHasNoCurveAndSaysWhy) {
  const auto refusal = [](const Event& event) {
    const auto reason = RdpAccountant::why_unsupported(Adjacency::add_remove, merge(Adjacency::add_remove, event));
    EXPECT_TRUE(reason);
    EXPECT_THROW(RdpAccountant(Adjacency::add_remove, event), UsageError);
    return reason.value_or("");
  };
  EXPECT_NE(refusal(TruncatedPoisson{0.1, 1000, 150, {1}}).find("truncated Poisson"), std::string::npos);
  EXPECT_NE(refusal(ApproxDp{1, 1e-6}).find("delta = 1e-06"), std::string::npos);
  EXPECT_NE(refusal(Composed{{Gaussian{1}, ApproxDp{0, 0.1}}}).find("no finite Renyi divergence"), std::string::npos);
  EXPECT_FALSE(
      RdpAccountant::why_unsupported(Adjacency::replace_one, merge(Adjacency::replace_one, PoissonSampled{0.1, {1}})));
  // Refused before any accountant sees them: they mean nothing under the adjacency.
  EXPECT_THROW(RdpAccountant(Adjacency::add_remove, WithoutReplacement{1, 10, {1}}), UsageError);
  EXPECT_THROW(RdpAccountant(Adjacency::replace_one, MixtureOfGaussians{1, {1}, {1}}), UsageError);
}

TEST(RdpAccountant, RefusesInvalidEventsAndQueries) {
  for (const double q : {-0.01, 1.01, 256.0, kNan, kInfinity}) EXPECT_THROW(accountant(q, 1, 1), UsageError) << q;
  for (const double s : {-1.0, kNan, kInfinity}) EXPECT_THROW(accountant(0.1, s, 1), UsageError) << s;
  for (const int64_t steps : {int64_t{-1}, kMaxCount + 1}) EXPECT_THROW(accountant(0.1, 1, steps), UsageError) << steps;
  EXPECT_THROW(RdpAccountant(Adjacency::add_remove, Phases{Phase{}}), UsageError);
  EXPECT_THROW(
      RdpAccountant(Adjacency::add_remove, Phases{Phase{.event = {.sampling_rate = 0.1, .mechanism = {}}, .count = 1}}),
      UsageError);
  const RdpAccountant run = accountant(0.1, 1, 1);
  for (const double delta : {1.0, -0.1, 2.0, kNan, kInfinity}) EXPECT_THROW(run.epsilon(delta), UsageError) << delta;
  for (const double epsilon : {-0.1, kNan, kInfinity}) EXPECT_THROW(run.delta(epsilon), UsageError) << epsilon;
  for (const double order : {0.5, -1.0, kNan}) EXPECT_THROW(run.rdp(order), UsageError) << order;
}

TEST(Adjacency, NamesRoundTripAndOthersAreRefused) {
  for (const Adjacency adjacency : {Adjacency::add_remove, Adjacency::zero_out, Adjacency::replace_one})
    EXPECT_EQ(parse_adjacency(to_string(adjacency)), adjacency);
  for (const char* text : {"", "add_remove", "ADD-REMOVE", "add-remove ", "replace"})
    EXPECT_THROW(parse_adjacency(text), UsageError) << text;
}

}  // namespace
}  // namespace sotto::privacy
