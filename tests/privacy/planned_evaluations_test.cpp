#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/plan.h>
#include <sotto/privacy/planned_evaluations.h>

#include <cmath>
#include <limits>

namespace sotto::privacy {
namespace {

// Balle and Wang (2018), theorem 8: the delta of a Gaussian release whose mean moves by mu standard deviations.
double gaussian_delta(double mu, double epsilon) {
  const auto phi = [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); };
  return phi(mu / 2 - epsilon / mu) - std::exp(epsilon) * phi(-mu / 2 - epsilon / mu);
}

double gaussian_epsilon(double mu, double delta) {
  double low = 0, high = 100;
  for (int i = 0; i < 200; ++i) {
    const double middle = (low + high) / 2;
    (gaussian_delta(mu, middle) > delta ? low : high) = middle;
  }
  return high;
}

PrivacyPlanOptions options() {
  return {.adjacency = Adjacency::add_remove,
          .dataset_size = 1000,
          .expected_batch_size = 100,
          .steps = 200,
          .delta = 1e-5,
          .noise_multiplier = 1.5,
          .evaluations = PlannedEvaluations{10, 30}};
}

// Every step takes all records: steps and evaluations together are one Gaussian release.
TEST(PlannedEvaluations, StepsAndEvaluationsTogetherLoseWhatOneGaussianReleaseDoes) {
  for (const Adjacency adjacency : {Adjacency::add_remove, Adjacency::zero_out}) {
    PrivacyPlanOptions o = options();
    o.adjacency = adjacency;
    o.expected_batch_size = o.dataset_size;
    o.steps = 25;
    o.noise_multiplier = 12;
    o.evaluations = PlannedEvaluations{9, 7};
    const double mu = std::sqrt(25 / (12.0 * 12.0) + 9 / (7.0 * 7.0));
    const PrivacyPlan plan(o);
    EXPECT_NEAR(plan.epsilon(), gaussian_epsilon(mu, 1e-5), 1e-6);
    EXPECT_GE(plan.epsilon(), gaussian_epsilon(mu, 1e-5) - 1e-12);
    EXPECT_NEAR(plan.epsilon_of_steps(), gaussian_epsilon(5 / 12.0, 1e-5), 1e-6);
  }
}

TEST(PlannedEvaluations, TheNoiseOfTheStepsLeavesRoomForThem) {
  PrivacyPlanOptions o = options();
  o.noise_multiplier.reset();
  o.epsilon = 2;
  const PrivacyPlan with(o);
  EXPECT_LE(with.epsilon(), 2);
  EXPECT_GT(with.epsilon(), 1.999);
  EXPECT_LT(with.epsilon_of_steps(), with.epsilon());
  o.evaluations.reset();
  const PrivacyPlan without(o);
  EXPECT_GT(with.noise_multiplier(), without.noise_multiplier());
  EXPECT_EQ(without.epsilon_of_steps(), without.epsilon());
  // The steps of the plan without them, and they, would exceed the budget.
  o.evaluations = PlannedEvaluations{10, 30};
  o.epsilon.reset();
  o.noise_multiplier = without.noise_multiplier();
  EXPECT_GT(PrivacyPlan(o).epsilon(), 2);
}

TEST(PlannedEvaluations, WhatWasChargedCostsNoMoreThanThePlan) {
  const PrivacyPlan plan(options());
  const Phase steps{plan.step_event(), 200}, evaluations{event_of(*plan.evaluations()), 10};
  EXPECT_EQ(plan.epsilon_of({steps, evaluations}), plan.epsilon());
  EXPECT_LT(plan.epsilon_of({steps}), plan.epsilon());
  EXPECT_LT(plan.epsilon_of({steps, {evaluations.event, 9}}), plan.epsilon());
  EXPECT_GT(plan.epsilon_of({steps, {evaluations.event, 11}}), plan.epsilon());
  EXPECT_GT(plan.epsilon_of({{steps.event, 201}, evaluations}), plan.epsilon());
  // An order of its own: an evaluation between the steps.
  EXPECT_EQ(plan.epsilon_of({{steps.event, 100}, evaluations, {steps.event, 100}}), plan.epsilon());
}

TEST(PlannedEvaluations, WhatCannotBePlannedIsRefused) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInfinity = std::numeric_limits<double>::infinity();
  for (const PlannedEvaluations& bad :
       {PlannedEvaluations{0, 30}, PlannedEvaluations{-1, 30}, PlannedEvaluations{201, 30}, PlannedEvaluations{10, 0},
        PlannedEvaluations{10, -1}, PlannedEvaluations{10, kNan}, PlannedEvaluations{10, kInfinity}}) {
    PrivacyPlanOptions o = options();
    o.evaluations = bad;
    EXPECT_THROW(PrivacyPlan{o}, UsageError) << bad.count << " " << bad.noise_multiplier;
  }
  PrivacyPlanOptions o = options();
  o.noise = Noise::discrete;
  EXPECT_THROW(PrivacyPlan{o}, UsageError);
  o = options();
  o.noise_multiplier.reset();
  o.epsilon = 0.5;
  o.evaluations->noise_multiplier = 3;  // alone they lose more
  try {
    PrivacyPlan{o};
    ADD_FAILURE() << "accepted";
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("no room for the steps"), std::string::npos) << error.what();
  }
}

TEST(PlannedEvaluations, AreSpacedEvenlyAndTheLastIsDueAfterTheLastStep) {
  for (const int64_t count : {1, 3, 10, 97})
    for (const int64_t steps : {97, 100, 1000}) {
      int64_t last = 0, gap = 0, shortest = steps, longest = 0;
      for (int64_t step = 1; step <= steps; ++step) {
        const int64_t due = evaluations_due(count, step, steps);
        ASSERT_TRUE(due == last || due == last + 1);
        ++gap;
        if (due == last) continue;
        shortest = std::min(shortest, gap);
        longest = std::max(longest, gap);
        gap = 0;
        last = due;
      }
      EXPECT_EQ(last, count);
      EXPECT_EQ(gap, 0);  // the last one came with the last step
      EXPECT_LE(longest - shortest, 1);
    }
  EXPECT_EQ(evaluations_due(10, 0, 100), 0);
  EXPECT_EQ(evaluations_due(kMaxCount, kMaxCount, kMaxCount), kMaxCount);
}

TEST(PlannedEvaluations, TheDefaultNoiseIsHalfAPercentOfTheDeclaredSizeAboveAFloor) {
  EXPECT_DOUBLE_EQ(metric_deviation(default_metric_noise(10, 60000), 60000), 0.005);
  EXPECT_DOUBLE_EQ(default_metric_noise(16, 100), 40);
  EXPECT_DOUBLE_EQ(metric_deviation(10, 1000), std::sqrt(2.0) / 100);
}

}  // namespace
}  // namespace sotto::privacy
