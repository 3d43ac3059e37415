#include <fmt/format.h>
#include <sotto/privacy/analytic_gaussian.h>
#include <sotto/privacy/calibration.h>
#include <sotto/privacy/conversion.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/rdp_accountant.h>

#include <algorithm>
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>
#include <limits>
#include <unordered_map>

namespace sotto::privacy {
namespace {

constexpr int kMaxDoublings = 200;
constexpr double kRelativeTolerance = 1e-9;

double epsilon_of(Adjacency adjacency, double delta, double sampling_rate, double noise_multiplier, int64_t steps) {
  const Phase run{PoissonSampled{sampling_rate, Gaussian{noise_multiplier}}, steps};
  return RdpAccountant(adjacency, Phases{run}).epsilon(delta);
}

void validate_steps(const char* where, int64_t steps) {
  if (steps < 1 || steps > kMaxCount)
    throw UsageError(fmt::format("[{}] bad steps: {}; allowed is an integer from 1 to 2^53", where, steps));
}

// Narrows the bracket between a value that meets the target and one that does not, on a logarithmic scale, and returns
// the former. `epsilon_at` need not be monotone to the last digit: only values that were evaluated and found good are
// returned.
template <typename EpsilonAt>
double narrow(const EpsilonAt& epsilon_at, double target, double good, double bad) {
  double best = good;
  const auto excess = [&](double log_value) {
    const double value = std::exp(log_value);
    const double epsilon = epsilon_at(value);
    if (epsilon <= target && std::abs(value - bad) < std::abs(best - bad)) best = value;
    return std::isinf(epsilon) ? 1.0 : (epsilon - target) / (epsilon + target);
  };
  const auto close_enough = [](double a, double b) { return std::abs(a - b) < kRelativeTolerance; };
  std::uintmax_t iterations = 80;
  const double low = std::log(std::min(good, bad)), high = std::log(std::max(good, bad));
  const double f_low = excess(low), f_high = excess(high);
  if ((f_low <= 0) == (f_high <= 0)) return best;
  boost::math::tools::toms748_solve(excess, low, high, f_low, f_high, close_enough, iterations);
  return best;
}

template <typename Value, typename EpsilonAt>
Calibration<Value> confirm(const EpsilonAt& epsilon_at, double target, Value value) {
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

  // Enough without sampling and with exact accounting, hence enough up to the looseness of RDP.
  double good = gaussian_noise_multiplier(budget.epsilon, budget.delta) * std::sqrt(static_cast<double>(steps));
  int doublings = 0;
  while (epsilon_at(good) > budget.epsilon) {
    if (++doublings > kMaxDoublings)
      throw UsageError(
          fmt::format("[smallest_noise_multiplier] infeasible budget: epsilon {} at delta {}; no noise multiplier up "
                      "to {} meets it over {} steps",
                      budget.epsilon, budget.delta, good, steps));
    good *= 2;
  }
  double bad = good / 2;
  while (bad > 0 && epsilon_at(bad) <= budget.epsilon) {
    good = bad;
    bad /= 2;
    if (++doublings > 2 * kMaxDoublings) return confirm(epsilon_at, budget.epsilon, good);
  }
  return confirm(epsilon_at, budget.epsilon, narrow(epsilon_at, budget.epsilon, good, bad));
}

Calibration<int64_t> largest_steps(Adjacency adjacency, const PrivacyBudget& budget, const PoissonSampled& step) {
  validate(budget);
  validate(step);
  if (step.sampling_rate == 0)
    throw UsageError(
        "[largest_steps] bad sampling_rate: 0; no record is ever used, so the number of steps is unlimited");
  const RdpAccountant one_step(adjacency, Phases{Phase{step, 1}});
  std::unordered_map<double, double> known;  // the grid of orders recurs for every number of steps
  const auto one_step_rdp = [&](double order) {
    const auto [entry, fresh] = known.try_emplace(order, 0);
    if (fresh) entry->second = one_step.rdp(order);
    return entry->second;
  };
  const auto quick_epsilon = [&](int64_t steps) {
    return epsilon_from_rdp([&](double order) { return static_cast<double>(steps) * one_step_rdp(order); },
                            budget.delta);
  };
  const auto epsilon_at = [&](int64_t steps) {
    return epsilon_of(adjacency, budget.delta, step.sampling_rate, step.mechanism.noise_multiplier, steps);
  };

  if (const double epsilon = epsilon_at(1); epsilon > budget.epsilon)
    throw UsageError(
        fmt::format("[largest_steps] budget too small for one step: one step has epsilon {:.6g} at delta {}, the "
                    "budget is {}; raise the noise multiplier, lower the sampling rate or raise the budget",
                    epsilon, budget.delta, budget.epsilon));
  int64_t good = 1, bad = 2;
  while (bad < kMaxCount && quick_epsilon(bad) <= budget.epsilon) {
    good = bad;
    bad *= 2;
  }
  if (bad >= kMaxCount && epsilon_at(kMaxCount) <= budget.epsilon)
    return confirm(epsilon_at, budget.epsilon, kMaxCount);
  while (bad - good > 1) {
    const int64_t middle = good + (bad - good) / 2;
    (quick_epsilon(middle) <= budget.epsilon ? good : bad) = middle;
  }
  // The accountant multiplies and rounds in another order than the search.
  while (good > 1 && epsilon_at(good) > budget.epsilon) --good;
  return confirm(epsilon_at, budget.epsilon, good);
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

  if (epsilon_at(1) <= budget.epsilon) return confirm(epsilon_at, budget.epsilon, 1.0);
  double bad = 1, good = 0.5;
  for (int halvings = 0; epsilon_at(good) > budget.epsilon; ++halvings) {
    if (halvings > kMaxDoublings)
      throw UsageError(
          fmt::format("[largest_sampling_rate] infeasible budget: epsilon {} at delta {}; no sampling rate down to {} "
                      "meets it with noise multiplier {} over {} steps",
                      budget.epsilon, budget.delta, good, noise_multiplier, steps));
    bad = good;
    good /= 2;
  }
  return confirm(epsilon_at, budget.epsilon, narrow(epsilon_at, budget.epsilon, good, bad));
}

}  // namespace sotto::privacy
