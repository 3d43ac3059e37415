#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/plan.h>
#include <sotto/privacy/rdp_accountant.h>

#include <limits>
#include <string>

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
  EXPECT_NEAR(plan.epsilon(), 2.59656, 1e-4);  // published
  EXPECT_EQ(plan.epsilon(), RdpAccountant(plan.adjacency(), Phases{{plan.step_event(), plan.steps()}}).epsilon(1e-5));
  EXPECT_TRUE(plan.warnings().empty());
}

TEST(PrivacyPlan, CalibratesWithoutExceedingTheBudget) {
  const PrivacyPlan plan(with_epsilon());
  EXPECT_LE(plan.epsilon(), 3);
  EXPECT_GT(plan.epsilon(), 3 - 1e-6);
  EXPECT_LT(plan.noise_multiplier(), 1.1);  // 1.1 gives 2.597
  EXPECT_GT(plan.noise_multiplier(), 0.9);
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

}  // namespace
}  // namespace sotto::privacy
