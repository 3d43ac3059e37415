#include <gtest/gtest.h>
#include <sotto/privacy/analytic_gaussian.h>
#include <sotto/privacy/calibration.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/rdp_accountant.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr Adjacency kAddRemove = Adjacency::add_remove;

double epsilon_of(double q, double s, int64_t steps, double delta) {
  return RdpAccountant(kAddRemove, Phases{{{q, {s}}, steps}}).epsilon(delta);
}

struct Target {
  PrivacyBudget budget;
  double sampling_rate;
  int64_t steps;
};

Target random_target(std::mt19937_64& random) {
  std::uniform_real_distribution<double> uniform(0, 1);
  return {
      .budget = {.epsilon = std::pow(10, 3 * uniform(random) - 2), .delta = std::pow(10, -2 - 10 * uniform(random))},
      .sampling_rate = std::pow(10, -5 * uniform(random)),
      .steps = static_cast<int64_t>(std::pow(10, 5 * uniform(random)))};
}

TEST(Calibration, NoiseNeverOvershootsAndIsTight) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100; ++i) {
    const Target target = random_target(random);
    SCOPED_TRACE(testing::Message() << target.budget.epsilon << ", " << target.budget.delta << ", "
                                    << target.sampling_rate << ", " << target.steps);
    const auto noise = smallest_noise_multiplier(kAddRemove, target.budget, target.sampling_rate, target.steps);
    const double epsilon = epsilon_of(target.sampling_rate, noise.value, target.steps, target.budget.delta);
    EXPECT_LE(epsilon, target.budget.epsilon);
    EXPECT_EQ(noise.epsilon, epsilon);
    EXPECT_EQ(noise.slack, target.budget.epsilon - epsilon);
    EXPECT_GT(epsilon_of(target.sampling_rate, noise.value * (1 - 1e-7), target.steps, target.budget.delta),
              target.budget.epsilon);
  }
}

TEST(Calibration, StepsNeverOvershootAndOneMoreWould) {
  std::mt19937_64 random(2);
  int feasible = 0;
  for (int i = 0; i < 100; ++i) {
    const Target target = random_target(random);
    const PoissonSampled step{target.sampling_rate, {0.7 + 0.1 * i}};
    SCOPED_TRACE(testing::Message() << target.budget.epsilon << ", " << target.budget.delta << ", "
                                    << target.sampling_rate);
    const auto epsilon_at = [&](int64_t steps) {
      return epsilon_of(step.sampling_rate, step.mechanism.noise_multiplier, steps, target.budget.delta);
    };
    if (epsilon_at(1) > target.budget.epsilon) {
      EXPECT_THROW(largest_steps(kAddRemove, target.budget, step), UsageError);
      continue;
    }
    const auto steps = largest_steps(kAddRemove, target.budget, step);
    EXPECT_LE(epsilon_at(steps.value), target.budget.epsilon);
    EXPECT_EQ(steps.epsilon, epsilon_at(steps.value));
    const int64_t more = steps.value + 1 + static_cast<int64_t>(1e-9 * static_cast<double>(steps.value));
    EXPECT_GT(epsilon_at(more), target.budget.epsilon);
    ++feasible;
  }
  EXPECT_GE(feasible, 50);
}

TEST(Calibration, SamplingRateNeverOvershootsAndIsTight) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 50; ++i) {
    const Target target = random_target(random);
    const double noise = 0.6 + 0.2 * i;
    SCOPED_TRACE(testing::Message() << target.budget.epsilon << ", " << target.budget.delta << ", " << noise << ", "
                                    << target.steps);
    const auto rate = largest_sampling_rate(kAddRemove, target.budget, noise, target.steps);
    EXPECT_LE(epsilon_of(rate.value, noise, target.steps, target.budget.delta), target.budget.epsilon);
    if (rate.value == 1) continue;
    EXPECT_GT(epsilon_of(std::min(1.0, rate.value * (1 + 1e-7)), noise, target.steps, target.budget.delta),
              target.budget.epsilon);
  }
}

TEST(Calibration, MeetsPublishedNoise) {
  // Another accountant's RDP over a fixed list of orders gives 1.51312: ours needs no more.
  const auto noise = smallest_noise_multiplier(kAddRemove, {.epsilon = 1, .delta = 1e-5}, 0.01, 1000);
  EXPECT_LE(noise.value, 1.51312 + 5e-6);
  EXPECT_GE(noise.value, 1.41463);  // the exact answer
  EXPECT_NEAR(noise.value, 1.51312, 2e-4);
}

// 155 is the exact accountant's answer; RDP, an upper bound, allows fewer steps.
TEST(Calibration, StepsLieBelowTheExactAnswer) {
  const auto steps = largest_steps(kAddRemove, {.epsilon = 2, .delta = 1e-6}, {0.1, {3}});
  EXPECT_LE(steps.value, 155);
  EXPECT_GE(steps.value, 110);
}

TEST(Calibration, FullBatchNeedsAtLeastTheExactGaussianNoise) {
  // Epsilon 8 included: the textbook formula would give 0.606 with sqrt(2 log(1.25/delta))/epsilon, outside its
  // validity.
  for (const double epsilon : {0.1, 1.0, 8.0}) {
    const auto noise = smallest_noise_multiplier(kAddRemove, {.epsilon = epsilon, .delta = 1e-5}, 1, 1);
    const double exact = gaussian_noise_multiplier(epsilon, 1e-5);
    EXPECT_GE(noise.value, exact);
    EXPECT_LE(noise.value, 1.15 * exact);
  }
}

TEST(Calibration, ExtremeButFeasibleTargetsAreMet) {
  const struct {
    double epsilon, delta, rate;
    int64_t steps;
  } rows[] = {{1e-6, 1e-10, 0.5, 1000},
              {1e4, 1e-5, 0.01, 1},
              {500, 0.9, 0.5, 3},
              {1, 1e-300, 0.01, 10},
              {0.1, 1e-5, 1e-12, kMaxCount}};
  for (const auto& row : rows) {
    const auto noise =
        smallest_noise_multiplier(kAddRemove, {.epsilon = row.epsilon, .delta = row.delta}, row.rate, row.steps);
    EXPECT_LE(epsilon_of(row.rate, noise.value, row.steps, row.delta), row.epsilon) << row.epsilon;
    EXPECT_GT(noise.value, 0);
  }
}

TEST(Calibration, FullBatchFitsALargeBudget) {
  const auto rate = largest_sampling_rate(kAddRemove, {.epsilon = 50, .delta = 1e-5}, 1, 10);
  EXPECT_EQ(rate.value, 1);
}

TEST(Calibration, StepsAreCappedAtTheLargestExactInteger) {
  const auto steps = largest_steps(kAddRemove, {.epsilon = 100, .delta = 1e-5}, {1e-12, {50}});
  EXPECT_EQ(steps.value, kMaxCount);
}

TEST(Calibration, BudgetTooSmallForOneStepSaysSo) {
  try {
    largest_steps(kAddRemove, {.epsilon = 0.01, .delta = 1e-5}, {0.5, {1}});
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("budget too small for one step"), std::string::npos) << error.what();
  }
  EXPECT_THROW(largest_steps(kAddRemove, {.epsilon = 1, .delta = 1e-5}, {0.1, {0}}), UsageError);
}

TEST(Calibration, RefusesMeaninglessInput) {
  const PrivacyBudget good{.epsilon = 1, .delta = 1e-5};
  for (const double epsilon : {0.0, -1.0, kNan, kInfinity}) {
    const PrivacyBudget bad{.epsilon = epsilon, .delta = 1e-5};
    EXPECT_THROW(smallest_noise_multiplier(kAddRemove, bad, 0.1, 1), UsageError);
    EXPECT_THROW(largest_steps(kAddRemove, bad, {0.1, {1}}), UsageError);
    EXPECT_THROW(largest_sampling_rate(kAddRemove, bad, 1, 1), UsageError);
  }
  for (const double delta : {0.0, 1.0, -1e-5, 2.0, kNan, kInfinity})
    EXPECT_THROW(smallest_noise_multiplier(kAddRemove, {.epsilon = 1, .delta = delta}, 0.1, 1), UsageError);
  EXPECT_THROW(smallest_noise_multiplier(kAddRemove, PrivacyBudget{}, 0.1, 1), UsageError);
  for (const double rate : {0.0, -0.1, 1.5, kNan, kInfinity}) {
    EXPECT_THROW(smallest_noise_multiplier(kAddRemove, good, rate, 1), UsageError);
    EXPECT_THROW(largest_steps(kAddRemove, good, {rate, {1}}), UsageError);
  }
  for (const int64_t steps : {int64_t{0}, int64_t{-1}, kMaxCount + 1}) {
    EXPECT_THROW(smallest_noise_multiplier(kAddRemove, good, 0.1, steps), UsageError);
    EXPECT_THROW(largest_sampling_rate(kAddRemove, good, 1, steps), UsageError);
  }
  for (const double noise : {0.0, -1.0, kNan, kInfinity})
    EXPECT_THROW(largest_sampling_rate(kAddRemove, good, noise, 1), UsageError);
}

}  // namespace
}  // namespace sotto::privacy
