// Calibration through the common interface: every sampler, every method that can.

#include <gtest/gtest.h>
#include <sotto/privacy/analytic_gaussian.h>
#include <sotto/privacy/calibration.h>
#include <sotto/privacy/error.h>

#include <cmath>
#include <functional>
#include <string>

namespace sotto::privacy {
namespace {

AccountedEvents poisson(double rate, double noise, int64_t steps, Adjacency adjacency = Adjacency::add_remove) {
  return {.adjacency = adjacency, .unit = {}, .event = SelfComposed(PoissonSampled{rate, {noise}}, steps)};
}
AccountedEvents accounted(Adjacency adjacency, Event event) {
  return {.adjacency = adjacency, .unit = {}, .event = std::move(event)};
}
double upper(Method method, const AccountedEvents& events, double delta, const Precision& precision = {}) {
  return make_accountant(method, events, precision)->epsilon(delta).upper;
}

void expect_infeasible(const std::function<void()>& calibration, const std::string& what) {
  try {
    calibration();
    ADD_FAILURE() << "accepted; expected a message with: " << what;
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
  }
}

// The value, one step of `tolerance` into the forbidden side, and the confirmation.
void expect_tight_noise(const CalibrationTarget& target, const RunFamily<double>& run, double tolerance) {
  const auto found = smallest_noise_multiplier(target, run);
  EXPECT_LE(found.epsilon, target.budget.epsilon);
  EXPECT_EQ(found.slack, target.budget.epsilon - found.epsilon);
  EXPECT_EQ(found.epsilon, upper(target.method, run(found.value), target.budget.delta, target.precision));
  EXPECT_GT(upper(target.method, run(found.value * (1 - tolerance)), target.budget.delta, target.precision),
            target.budget.epsilon);
}

TEST(CalibrationMethods, NoiseOfEverySamplerIsTight) {
  const PrivacyBudget budget{.epsilon = 1.5, .delta = 1e-6};
  expect_tight_noise(
      {budget, Method::rdp}, [](double s) { return poisson(0.02, s, 700); }, 1e-7);
  expect_tight_noise(
      {budget, Method::rdp}, [](double s) { return poisson(0.02, s, 700, Adjacency::replace_one); }, 1e-7);
  expect_tight_noise(
      {budget, Method::rdp},
      [](double s) {
        return accounted(Adjacency::replace_one, SelfComposed(WithoutReplacement{20, 1000, {s}}, 50));
      },
      1e-7);
  expect_tight_noise(
      {budget, Method::gaussian},
      [](double s) {
        return accounted(Adjacency::zero_out, EpochOnce{10, {s}});
      },
      1e-7);
  expect_tight_noise(
      {budget, Method::gaussian}, [](double s) { return poisson(1, s, 30); }, 1e-7);
  expect_tight_noise(
      {budget, Method::rdp},
      [](double s) {
        return accounted(Adjacency::add_remove, SelfComposed(MixtureOfGaussians{s, {0, 1}, {0.9, 0.1}}, 99));
      },
      1e-7);
}

TEST(CalibrationMethods, FullBatchIsTheAnalyticGaussian) {
  const auto found = smallest_noise_multiplier({{.epsilon = 0.7, .delta = 1e-6}, Method::gaussian},
                                               [](double s) { return poisson(1, s, 25); });
  EXPECT_NEAR(found.value / (5 * gaussian_noise_multiplier(0.7, 1e-6)), 1, 1e-8);
}

TEST(CalibrationMethods, ShuffledEpochsOfReplaceOneNeedTwiceTheNoise) {
  const CalibrationTarget target{{.epsilon = 2, .delta = 1e-5}, Method::gaussian};
  const auto found = smallest_noise_multiplier(target, [](double s) {
    return accounted(Adjacency::replace_one, EpochOnce{4, {s}});
  });
  EXPECT_NEAR(found.value / (4 * gaussian_noise_multiplier(2, 1e-5)), 1, 1e-8);
  const auto epochs = largest_epochs(target, [&](int64_t n) {
    return accounted(Adjacency::replace_one, EpochOnce{n, {found.value}});
  });
  EXPECT_EQ(epochs.value, 4);
}

TEST(CalibrationMethods, MeetsPublishedNoise) {
  const PrivacyBudget budget{.epsilon = 1, .delta = 1e-5};
  const auto run = [](double s) { return poisson(0.01, s, 1000); };
  EXPECT_NEAR(smallest_noise_multiplier({budget, Method::rdp}, run).value, 1.51312, 2e-4);
  const auto exact = smallest_noise_multiplier({budget, Method::contour, {1e-6, 1e-6}}, run);
  EXPECT_NEAR(exact.value, 1.41463, 2e-5);
  EXPECT_LE(exact.epsilon, 1);
}

TEST(CalibrationMethods, MeetsPublishedNumberOfSteps) {
  const auto run = [](int64_t steps) { return poisson(0.1, 3, steps); };
  EXPECT_EQ(largest_steps({{.epsilon = 2, .delta = 1e-6}, Method::contour, {1e-6, 1e-6}}, run).value, 155);
  const auto by_rdp = largest_steps({{.epsilon = 2, .delta = 1e-6}, Method::rdp}, run);
  EXPECT_EQ(by_rdp.value, largest_steps(Adjacency::add_remove, {.epsilon = 2, .delta = 1e-6}, {0.1, {3}}).value);
}

// Exact values, the second with sensitivity 6.
TEST(CalibrationMethods, MeetsPublishedNoiseOfRareInclusions) {
  const CalibrationTarget target{{.epsilon = 1, .delta = 1e-5}, Method::pld, {1e-5, 1e-5}};
  const auto one = smallest_noise_multiplier(target, [](double s) { return poisson(0.01, s, 1); });
  EXPECT_NEAR(one.value, 0.67379294682, 1e-6 * 0.67379294682);
  const auto many = smallest_noise_multiplier(target, [](double s) { return poisson(0.001, s, 25); });
  EXPECT_NEAR(6 * many.value, 3.20956502598, 1e-6 * 3.20956502598);
}

TEST(CalibrationMethods, RateIsTightAndCappedAtOne) {
  const CalibrationTarget target{{.epsilon = 1, .delta = 1e-5}, Method::rdp};
  const auto rate = largest_sampling_rate(target, [](double q) { return poisson(q, 1, 100); });
  EXPECT_LE(upper(Method::rdp, poisson(rate.value, 1, 100), 1e-5), 1);
  EXPECT_GT(upper(Method::rdp, poisson(rate.value * (1 + 1e-7), 1, 100), 1e-5), 1);
  EXPECT_EQ(largest_sampling_rate(target, [](double q) { return poisson(q, 100, 10); }).value, 1);
}

TEST(CalibrationMethods, BatchSizeOfSamplingWithoutReplacementIsTight) {
  const CalibrationTarget target{{.epsilon = 1, .delta = 1e-5}, Method::rdp};
  const auto run = [](int64_t batch) {
    return accounted(Adjacency::replace_one, SelfComposed(WithoutReplacement{batch, 10000, {4}}, 100));
  };
  const auto found = largest_batch_size(target, run, 10000);
  EXPECT_LE(upper(Method::rdp, run(found.value), 1e-5), 1);
  EXPECT_GT(upper(Method::rdp, run(found.value + 1), 1e-5), 1);
  // Noise enough for all records at once.
  EXPECT_EQ(largest_batch_size(
                target,
                [](int64_t batch) {
                  return accounted(Adjacency::replace_one, WithoutReplacement{batch, 50, {100}});
                },
                50)
                .value,
            50);
}

TEST(CalibrationMethods, DeltaIsTheSmallestAtWhichEpsilonIsMet) {
  const auto gaussian = smallest_delta(1, Method::gaussian, poisson(1, 3, 1));
  EXPECT_NEAR(gaussian.value / gaussian_delta(1.0 / 3, 1), 1, 1e-9);
  EXPECT_LE(gaussian.epsilon, 1);
  for (const double epsilon : {0.0, 0.1, 1.0, 10.0}) {
    const auto found = smallest_delta(epsilon, Method::rdp, poisson(0.01, 1, 1000));
    EXPECT_LE(upper(Method::rdp, poisson(0.01, 1, 1000), found.value), epsilon);
    EXPECT_EQ(found.slack, epsilon - found.epsilon);
  }
  EXPECT_EQ(smallest_delta(1, Method::rdp, accounted(Adjacency::add_remove, Laplace{2})).value, 0);
}

TEST(CalibrationMethods, PureReleasesAreCalibratedAtDeltaZero) {
  const auto laplace = [](double s) { return accounted(Adjacency::add_remove, SelfComposed(Laplace{s}, 10)); };
  const auto found = smallest_noise_multiplier({{.epsilon = 2, .delta = 0}, Method::rdp}, laplace);
  EXPECT_NEAR(found.value, 5, 1e-7);
  EXPECT_GE(found.value, 5);
}

TEST(CalibrationMethods, InfeasibleTargetsAreExplained) {
  const auto run = [](double s) { return poisson(0.1, s, 10); };
  expect_infeasible(
      [&] {
        smallest_noise_multiplier({{.epsilon = 1, .delta = 0}, Method::rdp}, run);
      },
      "no guarantee at delta = 0");
  expect_infeasible(
      [&] {
        largest_steps({{.epsilon = 1, .delta = 0}, Method::rdp}, [](int64_t n) { return poisson(0.1, 9, n); });
      },
      "no guarantee at delta = 0");
  // The part of the run that does not depend on the noise costs 2 by itself.
  const auto with_floor = [](double s) {
    return accounted(Adjacency::add_remove, Composed{{ApproxDp{2, 0}, PoissonSampled{0.1, {s}}}});
  };
  expect_infeasible(
      [&] {
        smallest_noise_multiplier({{.epsilon = 1, .delta = 1e-9}, Method::rdp}, with_floor);
      },
      "even noise multiplier 1e+60 has epsilon");
  expect_infeasible(
      [&] {
        largest_steps({{.epsilon = 0.01, .delta = 1e-5}, Method::rdp}, [](int64_t n) { return poisson(0.5, 1, n); });
      },
      "budget too small for one step");
  expect_infeasible(
      [&] {
        largest_sampling_rate({{.epsilon = 1, .delta = 1e-9}, Method::rdp}, [](double q) {
          return accounted(Adjacency::add_remove, Composed{{ApproxDp{2, 0}, PoissonSampled{q, {1}}}});
        });
      },
      "infeasible budget");
  expect_infeasible([] { smallest_delta(1, Method::rdp, poisson(0.5, 0, 10)); }, "no delta below 1");
}

// What an accountant refuses is not a direction to search in.
TEST(CalibrationMethods, RefusalsPassThrough) {
  EXPECT_THROW(smallest_noise_multiplier({{.epsilon = 1, .delta = 1e-5}, Method::gaussian},
                                         [](double s) { return poisson(0.1, s, 10); }),
               UsageError);
  EXPECT_THROW(smallest_noise_multiplier({{.epsilon = 1, .delta = 1e-5}, Method::rdp},
                                         [](double s) {
                                           return accounted(Adjacency::add_remove, TruncatedPoisson{0.1, 100, 20, {s}});
                                         }),
               UsageError);
  for (const double bad : {0.0, -1.0, std::nan("")})
    EXPECT_THROW(smallest_noise_multiplier({{.epsilon = bad, .delta = 1e-5}, Method::rdp},
                                           [](double s) { return poisson(0.1, s, 10); }),
                 UsageError);
  for (const double bad : {1.0, -1e-9, std::nan("")})
    EXPECT_THROW(
        largest_steps({{.epsilon = 1, .delta = bad}, Method::rdp}, [](int64_t n) { return poisson(0.1, 3, n); }),
        UsageError);
  EXPECT_THROW(largest_batch_size(
                   {{.epsilon = 1, .delta = 1e-5}, Method::rdp}, [](int64_t) { return poisson(0.1, 3, 1); }, 0),
               UsageError);
  EXPECT_THROW(smallest_delta(-1, Method::rdp, poisson(0.1, 3, 1)), UsageError);
}

}  // namespace
}  // namespace sotto::privacy
