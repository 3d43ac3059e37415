#include <gtest/gtest.h>
#include <sotto/privacy/accountant.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/plan.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

PrivacyPlanOptions with_noise() {
  return {.adjacency = Adjacency::add_remove,
          .dataset_size = 60000,
          .expected_batch_size = 256,
          .steps = 14062,
          .delta = 1e-5,
          .noise_multiplier = 1.1};
}

PrivacyPlanOptions with_epsilon() {
  PrivacyPlanOptions options = with_noise();
  options.noise_multiplier.reset();
  options.epsilon = 3;
  return options;
}

// The message must name what the user has to change.
void expect_refused(const PrivacyPlanOptions& options, const std::string& what) {
  try {
    PrivacyPlan{options};
    ADD_FAILURE() << "accepted; expected a message with: " << what;
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
  }
}

TEST(PrivacyPlan, ReportsTheGuaranteeOfItsOwnEvent) {
  const PrivacyPlan plan(with_noise());
  EXPECT_EQ(plan.sampling_rate(), 256.0 / 60000);
  EXPECT_EQ(plan.step_event().sampling_rate, plan.sampling_rate());
  EXPECT_EQ(plan.step_event().mechanism.noise_multiplier, 1.1);
  EXPECT_EQ(plan.noise_multiplier(), 1.1);
  EXPECT_EQ(plan.adjacency(), Adjacency::add_remove);
  EXPECT_EQ(plan.dataset_size(), 60000);
  EXPECT_EQ(plan.expected_batch_size(), 256);
  EXPECT_EQ(plan.steps(), 14062);
  EXPECT_EQ(plan.delta(), 1e-5);
  EXPECT_GE(plan.epsilon(), 2.3815969214243973);  // golden_composed.csv, TFP-MNIST-60ep
  EXPECT_LE(plan.epsilon(), 2.3815969214243973 + 1e-3);
  EXPECT_TRUE(plan.warnings().empty());
}

TEST(PrivacyPlan, CalibratesWithoutExceedingTheBudget) {
  const PrivacyPlan plan(with_epsilon());
  EXPECT_LE(plan.epsilon(), 3);
  EXPECT_GT(plan.epsilon(), 3 - 2e-3);
  EXPECT_LT(plan.noise_multiplier(), 1.1);  // 1.1 gives 2.38
  EXPECT_GT(plan.noise_multiplier(), 0.9);
}

// The bracket of fewer releases can end above that of more by its width.
TEST(PrivacyPlan, WhatWasChargedIsNeverAboveThePlanned) {
  const PrivacyPlan plan(with_noise());
  double last = 0;
  for (const int64_t steps : {int64_t{0}, int64_t{100}, plan.steps() / 2, plan.steps() - 1, plan.steps()}) {
    const double epsilon = plan.epsilon_of(steps > 0 ? Phases{{plan.step_event(), steps}} : Phases{});
    EXPECT_GE(epsilon, last) << steps;
    EXPECT_LE(epsilon, plan.epsilon()) << steps;
    last = epsilon;
  }
  EXPECT_EQ(last, plan.epsilon());
  EXPECT_GT(plan.epsilon_of({{plan.step_event(), 2 * plan.steps()}}), plan.epsilon());
  EXPECT_GT(plan.epsilon_of({{{1, plan.step_event().mechanism}, 100}}), plan.epsilon())
      << "other releases than planned";
}

TEST(PrivacyPlan, EveryBudgetIsMetAndNotMuchMoreThanMet) {
  std::mt19937_64 generator(7);
  const auto between = [&](double from, double to) {
    return from * std::pow(to / from, static_cast<double>(generator() >> 11) * 0x1p-53);
  };
  for (int i = 0; i < 25; ++i) {
    PrivacyPlanOptions options = with_epsilon();
    options.epsilon = between(0.05, 20);
    options.delta = between(1e-12, 1e-3);
    options.dataset_size = std::lround(between(100, 1e7));
    options.expected_batch_size = std::lround(between(1, static_cast<double>(options.dataset_size)));
    options.steps = std::lround(between(1, 1e5));
    SCOPED_TRACE(testing::Message() << *options.epsilon << ", " << options.delta << ", " << options.dataset_size << ", "
                                    << options.expected_batch_size << ", " << options.steps);
    const PrivacyPlan plan(options);
    EXPECT_LE(plan.epsilon(), *options.epsilon);
    EXPECT_GE(plan.epsilon(), *options.epsilon * 0.98);
    PrivacyPlanOptions again = options;
    again.epsilon.reset();
    again.noise_multiplier = plan.noise_multiplier();
    EXPECT_EQ(PrivacyPlan(again).epsilon(), plan.epsilon());
  }
}

TEST(PrivacyPlan, FullBatchHasRateOne) {
  PrivacyPlanOptions options = with_noise();
  options.expected_batch_size = options.dataset_size;
  options.steps = 1;
  EXPECT_EQ(PrivacyPlan(options).sampling_rate(), 1);
}

TEST(PrivacyPlan, WarnsOfALargeDelta) {
  PrivacyPlanOptions options = with_noise();
  options.delta = 1.0 / 60000;
  ASSERT_EQ(PrivacyPlan(options).warnings().size(), 1u);
  EXPECT_NE(PrivacyPlan(options).warnings()[0].find("delta"), std::string::npos);
  options.delta = 1.0 / 60001;
  EXPECT_TRUE(PrivacyPlan(options).warnings().empty());
}

TEST(PrivacyPlan, WarnsOfALargeEpsilon) {
  PrivacyPlanOptions options = with_epsilon();
  options.epsilon = 11;
  ASSERT_EQ(PrivacyPlan(options).warnings().size(), 1u);
  EXPECT_NE(PrivacyPlan(options).warnings()[0].find("epsilon"), std::string::npos);
}

TEST(PrivacyPlan, RefusesAnUnsetOrUnsupportedAdjacency) {
  PrivacyPlanOptions options = with_noise();
  options.adjacency.reset();
  expect_refused(options, "adjacency is not set");
  options.adjacency = Adjacency::replace_one;
  expect_refused(options, "unsupported adjacency: replace-one");
}

TEST(PrivacyPlan, RefusesBadCounts) {
  for (const int64_t value : {int64_t{0}, int64_t{-1}, kMaxCount + 1}) {
    PrivacyPlanOptions options = with_noise();
    options.dataset_size = value;
    expect_refused(options, "bad dataset_size");
    options = with_noise();
    options.expected_batch_size = value;
    expect_refused(options, "bad expected_batch_size");
    options = with_noise();
    options.steps = value;
    expect_refused(options, "bad steps");
  }
  PrivacyPlanOptions options = with_noise();
  options.expected_batch_size = 60001;
  expect_refused(options, "bad expected_batch_size");
}

TEST(PrivacyPlan, RefusesBadDelta) {
  for (const double value : {0.0, 1.0, -1e-5, 1.5, kNan, kInfinity}) {
    PrivacyPlanOptions options = with_noise();
    options.delta = value;
    expect_refused(options, "bad delta");
  }
}

TEST(PrivacyPlan, RefusesBadEpsilonAndNoise) {
  for (const double value : {0.0, -1.0, kNan, kInfinity}) {
    PrivacyPlanOptions options = with_epsilon();
    options.epsilon = value;
    expect_refused(options, "bad epsilon");
    options = with_noise();
    options.noise_multiplier = value;
    expect_refused(options, "bad noise_multiplier");
  }
}

TEST(PrivacyPlan, RefusesBothOrNeitherOfEpsilonAndNoise) {
  PrivacyPlanOptions options = with_noise();
  options.epsilon = 1;
  expect_refused(options, "both epsilon and noise_multiplier given");
  options.epsilon.reset();
  options.noise_multiplier.reset();
  expect_refused(options, "neither of epsilon and noise_multiplier given");
}

TEST(PrivacyPlan, DiscreteNoiseIsTheLeastThatReachesWhatIsAskedFor) {
  PrivacyPlanOptions asked = with_noise();
  asked.noise = Noise::discrete;
  for (const double noise : {0.5, 1.0, 1.1, 3.7}) {
    asked.noise_multiplier = noise;
    const PrivacyPlan plan(asked);
    EXPECT_EQ(plan.noise(), Noise::discrete);
    ASSERT_TRUE(plan.step_event().lattice);
    const LatticeNoise lattice = *plan.step_event().lattice;
    EXPECT_EQ(lattice.squared_norm, std::uint64_t{1} << 44);
    EXPECT_GE(std::sqrt(static_cast<long double>(lattice.variance)), noise * 0x1p22L);
    EXPECT_LT(std::sqrt(static_cast<long double>(lattice.variance - 1)), noise * 0x1p22L);
    EXPECT_GE(plan.noise_multiplier(), noise);
    EXPECT_LT(plan.noise_multiplier(), noise * (1 + 1e-12));
  }
  EXPECT_EQ(PrivacyPlan(with_noise()).noise(), Noise::normal);
}

// No other engine bounds discrete noise, and normal noise of the same size costs less.
TEST(PrivacyPlan, DiscreteNoiseIsAccountedByRenyiDivergencesAlone) {
  PrivacyPlanOptions asked = with_noise();
  asked.noise_multiplier = 1.0;
  const PrivacyPlan normal(asked);
  asked.noise = Noise::discrete;
  const PrivacyPlan plan(asked);
  const AccountedEvents run{
      plan.adjacency(), {}, SelfComposed(SampledDiscreteGaussian{plan.sampling_rate(), 1}, plan.steps())};
  EXPECT_EQ(plan.epsilon(), make_accountant(Method::rdp, run)->epsilon(plan.delta()).upper);
  EXPECT_GT(plan.epsilon(), normal.epsilon());
  EXPECT_EQ(bracket_methods({plan.adjacency(), {}, Phases{{plan.step_event(), 3}}}), std::vector{Method::rdp});
}

TEST(PrivacyPlan, DiscreteNoiseMeetsABudget) {
  PrivacyPlanOptions asked = with_epsilon();
  asked.noise = Noise::discrete;
  for (const double epsilon : {0.5, 3.0}) {
    asked.epsilon = epsilon;
    const PrivacyPlan plan(asked);
    EXPECT_LE(plan.epsilon(), epsilon);
    EXPECT_GT(plan.epsilon(), 0.99 * epsilon);
    EXPECT_EQ(plan.noise(), Noise::discrete);
  }
}

TEST(PrivacyPlan, DiscreteNoiseThatNeedsTooLargeAVarianceIsRefused) {
  PrivacyPlanOptions asked = with_noise();
  asked.noise = Noise::discrete;
  asked.noise_multiplier = 512;
  EXPECT_EQ(PrivacyPlan(asked).step_event().lattice->variance, std::uint64_t{1} << 62);
  asked.noise_multiplier = 512.0001;
  EXPECT_THROW(PrivacyPlan{asked}, UsageError);
}

}  // namespace
}  // namespace sotto::privacy
