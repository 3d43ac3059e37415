#include <gtest/gtest.h>
#include <sotto/privacy/conversion.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/rdp_accountant.h>
#include <sotto/privacy/rdp_filter.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <random>
#include <thread>
#include <type_traits>

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr PrivacyBudget kBudget{.epsilon = 2, .delta = 1e-5};

static_assert(!std::is_copy_constructible_v<RdpFilter> && !std::is_copy_assignable_v<RdpFilter>,
              "a copy would spend the same budget again");

// The standard conversion solved for the divergence.
double standard_rdp(double order, double epsilon, double delta) {
  return epsilon - std::log((order - 1) / order) + (std::log(delta) + std::log(order)) / (order - 1);
}

// Noise at which a Gaussian release has this divergence: rdp = order / (2 s^2).
double noise_for(double rdp, double order) {
  return std::sqrt(order / (2 * rdp));
}

TEST(RdpFilter, BudgetIsThatOfTheConversion) {
  for (const double order : {10.0, 20.0, 63.5}) {
    const RdpFilter filter(Adjacency::add_remove, {}, kBudget, order);
    const double expected = standard_rdp(order, 2, 1e-5);
    EXPECT_NEAR(filter.rdp_budget(), expected, 1e-9);
    EXPECT_LE(epsilon_at_order(filter.rdp_budget(), order, 1e-5, Conversion::standard), 2);
  }
}

TEST(RdpFilter, RefusesExactlyTheReleaseThatDoesNotFit) {
  const double order = 20, rdp = standard_rdp(order, 2, 1e-5);
  RdpFilter filter(Adjacency::zero_out, {}, kBudget, order);
  const Event third = Gaussian{noise_for(rdp / 3 * (1 - 1e-8), order)};
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(filter.can_afford(third));
    filter.charge(third);
  }
  EXPECT_FALSE(filter.can_afford(third));
  EXPECT_THROW(filter.charge(third), BudgetExhausted);

  RdpFilter other(Adjacency::zero_out, {}, kBudget, order);
  const Event more_than_a_third = Gaussian{noise_for(rdp / 3 * (1 + 1e-8), order)};
  other.charge(more_than_a_third);
  other.charge(more_than_a_third);
  EXPECT_THROW(other.charge(more_than_a_third), BudgetExhausted);
}

TEST(RdpFilter, SumIsTheAccountantsAtThatOrder) {
  std::mt19937_64 random(31);
  std::uniform_real_distribution<double> uniform(0, 1);
  const double order = 12.5;
  RdpFilter filter(Adjacency::add_remove, {}, {.epsilon = 1000, .delta = 1e-5}, order);
  Composed all;
  for (int i = 0; i < 100; ++i) {
    const Event event = SelfComposed(PoissonSampled{std::pow(10, -4 * uniform(random)), {0.8 + 10 * uniform(random)}},
                                     1 + static_cast<int64_t>(random() % 5));
    filter.charge(event);
    all.events.push_back(event);
    const double expected = RdpAccountant(Adjacency::add_remove, all).rdp(order);
    EXPECT_NEAR(filter.rdp_spent() / expected, 1, 1e-12);
    // Rounded up: not below what the releases cost one by one.
    EXPECT_GE(filter.rdp_spent(), expected * (1 - 1e-15));
  }
}

// Noise and rate follow from what is left and from chance, as adversarially as a filter allows.
TEST(RdpFilter, NeverExceedsTheBudgetOnAdaptiveSchedules) {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (int run = 0; run < 60; ++run) {
    const PrivacyBudget budget{.epsilon = std::pow(10, 1.5 * uniform(random) - 0.5),
                               .delta = std::pow(10, -2 - 8 * uniform(random))};
    const double order = 1 + std::log(1 / budget.delta) / budget.epsilon * (1.5 + 3 * uniform(random));
    RdpFilter filter(Adjacency::add_remove, {}, budget, order);
    Composed all;
    int refused = 0;
    for (int i = 0; i < 400 && refused < 20; ++i) {
      const double left = filter.rdp_budget() - filter.rdp_spent();
      const double greedy = std::min(1e6, noise_for(left * (0.2 + 1.2 * uniform(random)), order));
      const bool sampled = uniform(random) < 0.5;
      const Event event =
          sampled ? Event(PoissonSampled{uniform(random), {std::max(greedy, 0.5)}}) : Event(Gaussian{greedy});
      const bool affordable = filter.can_afford(event);
      const double before = filter.rdp_spent();
      try {
        filter.charge(event);
        EXPECT_TRUE(affordable);
        all.events.push_back(event);
      } catch (const BudgetExhausted& error) {
        EXPECT_FALSE(affordable);
        EXPECT_EQ(error.code(), ExitCode::budget_exhausted);
        EXPECT_EQ(filter.rdp_spent(), before);
        ++refused;
      }
    }
    EXPECT_GT(refused, 0);
    ASSERT_FALSE(all.events.empty());
    const RdpAccountant accountant(Adjacency::add_remove, all);
    EXPECT_LE(accountant.rdp(order), filter.rdp_budget());
    EXPECT_LE(std::min(epsilon_at_order(accountant.rdp(order), order, budget.delta, Conversion::standard),
                       epsilon_at_order(accountant.rdp(order), order, budget.delta, Conversion::asoodeh)),
              budget.epsilon);
  }
}

TEST(RdpFilter, RefusedChargeChangesNothing) {
  RdpFilter filter(Adjacency::add_remove, {}, kBudget, 20);
  const Event small = PoissonSampled{0.01, {4}};
  filter.charge(small);
  const double spent = filter.rdp_spent();
  for (const Event& event : {Event(NonPrivate{}), Event(Gaussian{0}), Event(Gaussian{0.01})}) {
    EXPECT_FALSE(filter.can_afford(event));
    EXPECT_THROW(filter.charge(event), BudgetExhausted);
    EXPECT_EQ(filter.rdp_spent(), spent);
  }
  for (const Event& event : {Event(Gaussian{-1}), Event(PoissonSampled{}), Event(EpochOnce{1, {10}})}) {
    EXPECT_THROW(filter.charge(event), UsageError);
    EXPECT_THROW(filter.can_afford(event), UsageError);
    EXPECT_EQ(filter.rdp_spent(), spent);
  }
  filter.charge(small);  // what fits is still accepted
  EXPECT_GT(filter.rdp_spent(), spent);
}

TEST(RdpFilter, RefusesReleasesWithoutARenyiDivergence) {
  RdpFilter filter(Adjacency::add_remove, {}, kBudget, 20);
  for (const Event& event : {Event(ApproxDp{0.001, 1e-9}), Event(TruncatedPoisson{1e-6, 100, 50, {100}})}) {
    EXPECT_THROW(filter.charge(Composed{{Gaussian{100}, event}}), UsageError);
    EXPECT_THROW(filter.can_afford(event), UsageError);
  }
  EXPECT_EQ(filter.rdp_spent(), 0);
  filter.charge(ApproxDp{0.001, 0});
  EXPECT_GT(filter.rdp_spent(), 0);
}

TEST(RdpFilter, ManyTinyChargesAreNotLostInRounding) {
  // Each is far below half a unit in the last place of what is spent already.
  const double order = 20;
  RdpFilter filter(Adjacency::add_remove, {}, kBudget, order);
  filter.charge(Gaussian{noise_for(0.5, order)});
  const double before = filter.rdp_spent();
  for (int i = 0; i < 1000; ++i) filter.charge(Gaussian{noise_for(1e-18, order)});
  EXPECT_GE(filter.rdp_spent() - before, 1000 * 1e-18);
}

TEST(RdpFilter, GroupsPayForTheWholeGroup) {
  const double order = 20;
  RdpFilter one(Adjacency::add_remove, {}, kBudget, order);
  RdpFilter three(Adjacency::add_remove, {PrivacyUnit::Kind::group, 3}, kBudget, order);
  one.charge(Gaussian{30});
  three.charge(Gaussian{30});
  EXPECT_NEAR(three.rdp_spent() / one.rdp_spent(), 9, 1e-9);
}

TEST(RdpFilter, BestOrderPaysForTheMostOfTheTypicalSchedule) {
  const Event schedules[] = {Gaussian{3}, PoissonSampled{0.01, {1}},
                             Composed{{SelfComposed(PoissonSampled{0.2, {4}}, 10), Gaussian{10}}}};
  for (const Event& typical : schedules) {
    for (const PrivacyBudget& budget : {kBudget, PrivacyBudget{0.1, 1e-8}, PrivacyBudget{8, 1e-3}}) {
      const double best = RdpFilter::best_order(Adjacency::add_remove, {}, budget, typical);
      const RdpAccountant accountant(Adjacency::add_remove, typical);
      const auto multiple = [&](double order) {
        return std::max(0.0, standard_rdp(order, budget.epsilon, budget.delta)) / accountant.rdp(order);
      };
      const double most = RdpFilter(Adjacency::add_remove, {}, budget, best).rdp_budget() / accountant.rdp(best);
      for (double x = -3; x < 5; x += 0.01) EXPECT_GE(most, multiple(1 + std::pow(10, x)) * (1 - 1e-3)) << x;
    }
  }
}

TEST(RdpFilter, BestOrderOfAGaussianIsThatOfItsClosedForm) {
  // Largest of standard_rdp(a) / a.
  double best = 0, most = 0;
  for (double order = 1.5; order < 200; order += 0.001)
    if (const double here = standard_rdp(order, 2, 1e-5) / order; here > most) {
      most = here;
      best = order;
    }
  EXPECT_NEAR(RdpFilter::best_order(Adjacency::add_remove, {}, kBudget, Gaussian{7}) / best, 1, 2e-3);
}

TEST(RdpFilter, BestOrderRefusesWhatHasNone) {
  for (const Event& typical : {Event(NoOp{}), Event(Composed{}), Event(PoissonSampled{0, {1}}), Event(NonPrivate{})})
    EXPECT_THROW(RdpFilter::best_order(Adjacency::add_remove, {}, kBudget, typical), UsageError);
  EXPECT_THROW(RdpFilter::best_order(Adjacency::add_remove, {}, {.epsilon = 1e-9, .delta = 1e-300}, Gaussian{1}),
               UsageError);
  EXPECT_THROW(RdpFilter::best_order(Adjacency::add_remove, {}, {}, Gaussian{1}), UsageError);
}

TEST(RdpFilter, RefusesOrdersAndBudgetsThatProveNothing) {
  for (const double order : {1.0, 0.5, -2.0, kNan, kInfinity})
    EXPECT_THROW(RdpFilter(Adjacency::add_remove, {}, kBudget, order), UsageError) << order;
  try {
    RdpFilter(Adjacency::add_remove, {}, {.epsilon = 1e-12, .delta = 1e-300}, 2);
    ADD_FAILURE();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("allowed is a larger order"), std::string::npos);
  }
  EXPECT_THROW(RdpFilter(Adjacency::add_remove, {}, {}, 20), UsageError);
  EXPECT_THROW(RdpFilter(Adjacency::add_remove, {}, {.epsilon = kInfinity, .delta = 1e-5}, 20), UsageError);
  EXPECT_THROW(RdpFilter(Adjacency::add_remove, {PrivacyUnit::Kind::group, 0}, kBudget, 20), UsageError);
}

TEST(RdpFilter, ThreadsTogetherSpendNoMoreThanTheBudget) {
  const double order = 20;
  RdpFilter filter(Adjacency::add_remove, {}, kBudget, order);
  const double each = filter.rdp_budget() / 1000.5;
  const Event event = Gaussian{noise_for(each, order)};
  std::atomic<int> accepted = 0;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 400; ++i) {
        try {
          filter.charge(event);
          ++accepted;
        } catch (const BudgetExhausted&) {
        }
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(accepted, 1000);
  EXPECT_LE(filter.rdp_spent(), filter.rdp_budget());
}

}  // namespace
}  // namespace sotto::privacy
