#include <gtest/gtest.h>
#include <sotto/privacy/budget_guard.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/event_json.h>
#include <sotto/privacy/rdp_accountant.h>

#include <atomic>
#include <cmath>
#include <random>
#include <thread>
#include <type_traits>

namespace sotto::privacy {
namespace {

static_assert(!std::is_copy_constructible_v<BudgetGuard> && !std::is_copy_assignable_v<BudgetGuard>,
              "a copy would spend the same budget again");

AccountedEvents start(const Event& event = NoOp{}) {
  return {Adjacency::add_remove, {}, event};
}

// Published: 1000 releases at rate 0.01 and noise 1 cost 2.10132 at delta 1e-5; one more costs about 0.0007 more.
TEST(BudgetGuard, RefusesTheStepThatWouldExceedTheBudget) {
  BudgetGuard guard(start(), {.epsilon = 2.1014, .delta = 1e-5}, Method::rdp);
  const Event step = PoissonSampled{0.01, {1}};
  guard.charge(SelfComposed(step, 999));
  EXPECT_TRUE(guard.can_afford(step));
  guard.charge(step);
  EXPECT_NEAR(guard.epsilon(), 2.10132, 5e-6);
  EXPECT_FALSE(guard.can_afford(step));
  try {
    guard.charge(step);
    ADD_FAILURE() << "accepted";
  } catch (const BudgetExhausted& error) {
    EXPECT_EQ(error.code(), ExitCode::budget_exhausted);
    EXPECT_NE(std::string(error.what()).find("allowed is at most 2.1014"), std::string::npos) << error.what();
  }
  EXPECT_NEAR(guard.epsilon(), 2.10132, 5e-6);
  EXPECT_EQ(to_json(guard.spent()), to_json(start(Composed{{SelfComposed(step, 1000)}})));
}

// Exact: 1.82824. The Renyi divergences would not let the run start.
TEST(BudgetGuard, ASharperMethodAllowsMore) {
  const PrivacyBudget budget{.epsilon = 1.8295, .delta = 1e-5};
  const Event steps = SelfComposed(PoissonSampled{0.01, {1}}, 1000), ten = SelfComposed(PoissonSampled{0.01, {1}}, 10);
  for (const Method method : {Method::pld, Method::contour}) {
    BudgetGuard guard(start(), budget, method);
    guard.charge(steps);
    EXPECT_GE(guard.epsilon(), 1.82824 - 5e-6);
    EXPECT_THROW(guard.charge(ten), BudgetExhausted);  // 1.838
  }
  EXPECT_FALSE(BudgetGuard(start(), budget, Method::rdp).can_afford(steps));
  EXPECT_THROW(BudgetGuard(start(), budget, Method::gaussian).can_afford(steps), UsageError);
  EXPECT_TRUE(BudgetGuard(start(), budget, Method::gaussian).can_afford(Gaussian{3}));
}

TEST(BudgetGuard, NeverExceedsTheBudgetOnRandomSchedules) {
  std::mt19937_64 random(17);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (int run = 0; run < 8; ++run) {
    const PrivacyBudget budget{.epsilon = std::pow(10, 2 * uniform(random) - 1),
                               .delta = std::pow(10, -2 - 8 * uniform(random))};
    BudgetGuard guard(start(), budget, Method::rdp);
    Composed accepted;
    int refused = 0;
    for (int i = 0; i < 40 && refused < 6; ++i) {
      const double noise = (0.5 + 20 * uniform(random)) / budget.epsilon;
      Event event = uniform(random) < 0.5
                        ? Event(SelfComposed(PoissonSampled{std::pow(10, -3 * uniform(random)), {noise}},
                                             static_cast<int64_t>(std::pow(10, 3 * uniform(random)))))
                        : Event(Gaussian{noise});
      const bool affordable = guard.can_afford(event);
      const std::string before = to_json(guard.spent());
      const double epsilon_before = guard.epsilon();
      try {
        guard.charge(event);
        EXPECT_TRUE(affordable);
        accepted.events.push_back(event);
      } catch (const BudgetExhausted&) {
        EXPECT_FALSE(affordable);
        EXPECT_EQ(to_json(guard.spent()), before);
        EXPECT_EQ(guard.epsilon(), epsilon_before);
        accepted.events.push_back(event);  // the refusal was right
        EXPECT_GT(RdpAccountant(Adjacency::add_remove, accepted).epsilon(budget.delta), budget.epsilon);
        accepted.events.pop_back();
        ++refused;
      }
      EXPECT_LE(guard.epsilon(), budget.epsilon);
      EXPECT_LE(RdpAccountant(Adjacency::add_remove, accepted).epsilon(budget.delta), budget.epsilon);
    }
    EXPECT_GT(refused, 0);
  }
}

TEST(BudgetGuard, RefusesWhatIsNotPrivateOrInvalidAndStaysWhatItWas) {
  BudgetGuard guard(start(Gaussian{10}), {.epsilon = 2, .delta = 1e-5}, Method::rdp);
  const std::string before = to_json(guard.spent());
  for (const Event& event : {Event(NonPrivate{}), Event(Gaussian{0}), Event(PoissonSampled{1e-6, {0}})})
    EXPECT_THROW(guard.charge(event), BudgetExhausted);
  for (const Event& event : {Event(Gaussian{-1}), Event(EpochOnce{1, {10}}), Event(SelfComposed(NoOp{}, -1))}) {
    EXPECT_THROW(guard.charge(event), UsageError);
    EXPECT_THROW(guard.can_afford(event), UsageError);
  }
  EXPECT_EQ(to_json(guard.spent()), before);
  EXPECT_NO_THROW(guard.charge(Gaussian{100}));
  EXPECT_NO_THROW(guard.charge(NoOp{}));
}

TEST(BudgetGuard, WhatWasSpentBeforeCounts) {
  const PrivacyBudget budget{.epsilon = 2, .delta = 1e-5};
  const Event half = Gaussian{3};
  EXPECT_TRUE(BudgetGuard(start(), budget, Method::rdp).can_afford(half));
  EXPECT_FALSE(BudgetGuard(start(half), budget, Method::rdp).can_afford(half));
  EXPECT_THROW(BudgetGuard(start(Composed{{half, half}}), budget, Method::rdp), BudgetExhausted);
  EXPECT_THROW(BudgetGuard(start(NonPrivate{}), budget, Method::rdp), BudgetExhausted);
}

TEST(BudgetGuard, GroupsPayForTheWholeGroup) {
  const PrivacyBudget budget{.epsilon = 2, .delta = 1e-5};
  const AccountedEvents group{Adjacency::add_remove, {PrivacyUnit::Kind::group, 3}, NoOp{}};
  EXPECT_FALSE(BudgetGuard(group, budget, Method::rdp).can_afford(Gaussian{3}));
  EXPECT_TRUE(BudgetGuard(group, budget, Method::rdp).can_afford(Gaussian{9}));
}

TEST(BudgetGuard, RefusesBadBudgetsAndAMissingAdjacency) {
  EXPECT_THROW(BudgetGuard(start(), {}, Method::rdp), UsageError);
  EXPECT_THROW(BudgetGuard(start(), {.epsilon = 1, .delta = 0}, Method::rdp), UsageError);
  EXPECT_THROW(BudgetGuard(start(), {.epsilon = -1, .delta = 0.1}, Method::rdp), UsageError);
  EXPECT_THROW(BudgetGuard({std::nullopt, {}, NoOp{}}, {.epsilon = 1, .delta = 1e-5}, Method::rdp), UsageError);
}

TEST(BudgetGuard, ThreadsTogetherSpendNoMoreThanTheBudget) {
  BudgetGuard guard(start(), {.epsilon = 2, .delta = 1e-5}, Method::rdp);
  std::atomic<int> accepted = 0;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        try {
          guard.charge(Gaussian{10});
          ++accepted;
        } catch (const BudgetExhausted&) {
        }
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(accepted, 5);
  EXPECT_LT(accepted, 40);
  EXPECT_EQ(to_json(guard.spent()), to_json(start(Composed{{SelfComposed(Gaussian{10}, accepted)}})));
  EXPECT_LE(guard.epsilon(), 2);
}

}  // namespace
}  // namespace sotto::privacy
