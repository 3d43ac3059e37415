#include <fmt/format.h>
#include <sotto/privacy/analytic_gaussian.h>
#include <sotto/privacy/calibration.h>
#include <sotto/privacy/calibration_search.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/rdp_accountant.h>

#include <algorithm>
#include <cmath>

namespace sotto::privacy {
namespace {

constexpr double kTolerance = 1e-9;
constexpr double kLeastNoise = 1e-6, kMostNoise = 1e60, kLeastRate = 1e-300;

double epsilon_of(Adjacency adjacency, double delta, double sampling_rate, double noise_multiplier, int64_t steps) {
  const Phase run{PoissonSampled{sampling_rate, Gaussian{noise_multiplier}}, steps};
  return RdpAccountant(adjacency, Phases{run}).epsilon(delta);
}

void validate_steps(const char* where, int64_t steps) {
  if (steps < 1 || steps > kMaxCount)
    throw UsageError(fmt::format("[{}] bad steps: {}; allowed is an integer from 1 to 2^53", where, steps));
}

template <typename Value, typename EpsilonAt>
Calibration<Value> confirmed(const EpsilonAt& epsilon_at, double target, Value value) {
  const double epsilon = epsilon_at(value);
  SOTTO_ASSERT(epsilon <= target);
  return {.value = value, .epsilon = epsilon, .slack = target - epsilon};
}

}  // namespace

Calibration<double> smallest_noise_multiplier(Adjacency adjacency, const PrivacyBudget& budget, double sampling_rate,
                                              int64_t steps) {
  validate(budget);
  validate(PoissonSampled{sampling_rate, Gaussian{1}});
  validate_steps("smallest_noise_multiplier", steps);
  if (sampling_rate == 0)
    throw UsageError(
        "[smallest_noise_multiplier] bad sampling_rate: 0; no record is ever used, so any noise meets any budget");
  const auto epsilon_at = [&](double noise) {
    return epsilon_of(adjacency, budget.delta, sampling_rate, noise, steps);
  };
  // Enough without sampling; about enough with it where many records are drawn. Sampling gains a factor near the rate,
  // but never brings the noise that one inclusion needs below that of a few standard deviations.
  const double unsampled =
      gaussian_noise_multiplier(budget.epsilon, budget.delta) * std::sqrt(static_cast<double>(steps));
  const double start = std::max(unsampled * sampling_rate, std::min(unsampled, 0.7));
  const auto edge = find_edge(RealSearch{.epsilon = epsilon_at,
                                         .target = budget.epsilon,
                                         .falls = true,
                                         .start = std::clamp(start, kLeastNoise, kMostNoise),
                                         .least = kLeastNoise,
                                         .most = kMostNoise,
                                         .tolerance = kTolerance});
  if (!edge)
    throw UsageError(
        fmt::format("[smallest_noise_multiplier] infeasible budget: epsilon {} at delta {}; no noise multiplier up "
                    "to {} meets it over {} steps",
                    budget.epsilon, budget.delta, kMostNoise, steps));
  return confirmed(epsilon_at, budget.epsilon, edge->value);
}

Calibration<int64_t> largest_steps(Adjacency adjacency, const PrivacyBudget& budget, const PoissonSampled& step) {
  validate(budget);
  validate(step);
  if (step.sampling_rate == 0)
    throw UsageError(
        "[largest_steps] bad sampling_rate: 0; no record is ever used, so the number of steps is unlimited");
  const auto epsilon_at = [&](int64_t steps) {
    return epsilon_of(adjacency, budget.delta, step.sampling_rate, step.mechanism.noise_multiplier, steps);
  };
  const auto edge =
      find_edge(CountSearch{.epsilon = epsilon_at, .target = budget.epsilon, .start = 1, .most = kMaxCount});
  if (!edge)
    throw UsageError(
        fmt::format("[largest_steps] budget too small for one step: one step has epsilon {:.6g} at delta {}, the "
                    "budget is {}; raise the noise multiplier, lower the sampling rate or raise the budget",
                    epsilon_at(1), budget.delta, budget.epsilon));
  return confirmed(epsilon_at, budget.epsilon, edge->value);
}

Calibration<double> largest_sampling_rate(Adjacency adjacency, const PrivacyBudget& budget, double noise_multiplier,
                                          int64_t steps) {
  validate(budget);
  validate(Gaussian{noise_multiplier});
  validate_steps("largest_sampling_rate", steps);
  if (noise_multiplier == 0)
    throw UsageError(
        "[largest_sampling_rate] bad noise_multiplier: 0; without noise every sampling rate has infinite epsilon");
  const auto epsilon_at = [&](double rate) {
    return epsilon_of(adjacency, budget.delta, rate, noise_multiplier, steps);
  };
  const auto edge = find_edge(RealSearch{.epsilon = epsilon_at,
                                         .target = budget.epsilon,
                                         .falls = false,
                                         .start = 1,
                                         .least = kLeastRate,
                                         .most = 1,
                                         .tolerance = kTolerance});
  if (!edge)
    throw UsageError(
        fmt::format("[largest_sampling_rate] infeasible budget: epsilon {} at delta {}; no sampling rate down to {} "
                    "meets it with noise multiplier {} over {} steps",
                    budget.epsilon, budget.delta, kLeastRate, noise_multiplier, steps));
  return confirmed(epsilon_at, budget.epsilon, edge->value);
}

}  // namespace sotto::privacy
