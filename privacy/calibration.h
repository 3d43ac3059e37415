#pragma once
// From a privacy budget to the parameters of a run.
//
// Each function returns a value whose epsilon, evaluated once more by the same accountant that reports it
// (RdpAccountant, an upper bound), is at most the budget's: the target is never exceeded, by any amount. What is left
// over is `slack`. Searches are bounded; a budget that cannot be met is a UsageError that says why. An unsupported
// adjacency is one too.

#include <sotto/privacy/budget.h>
#include <sotto/privacy/event.h>

#include <cstdint>

namespace sotto::privacy {

template <typename Value>
struct Calibration {
  Value value;     // what was asked for
  double epsilon;  // upper bound at `value`, at the budget's delta; <= the budget's epsilon
  double slack;    // the budget's epsilon - epsilon, >= 0
};

// Smallest noise multiplier for `steps` (1 .. 2^53) releases at 0 < sampling_rate <= 1, to about nine digits.
Calibration<double> smallest_noise_multiplier(Adjacency adjacency, const PrivacyBudget& budget, double sampling_rate,
                                              int64_t steps);

// Largest number of releases of `step`, 1 .. 2^53: one more would exceed the budget, up to the accountant's own
// rounding.
Calibration<int64_t> largest_steps(Adjacency adjacency, const PrivacyBudget& budget, const PoissonSampled& step);

// Largest sampling rate, at most 1, for `steps` (1 .. 2^53) releases with noise_multiplier > 0, to about nine digits.
Calibration<double> largest_sampling_rate(Adjacency adjacency, const PrivacyBudget& budget, double noise_multiplier,
                                          int64_t steps);

}  // namespace sotto::privacy
