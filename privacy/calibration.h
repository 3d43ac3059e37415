#pragma once
// From a privacy budget to the parameters of a run.
//
// Each function returns a value at which the upper bound of epsilon, evaluated by the accountant that reports it, made
// anew for that value, is at most the budget's: the target is never exceeded, by any amount. What is left over is
// `slack`. Searches are bounded and return only values that were evaluated and found good, so an accountant whose upper
// bound is not monotone to the last digit costs tightness and never validity. A budget that cannot be met is a
// UsageError that says why; what an accountant refuses passes through.

#include <sotto/privacy/accountant.h>
#include <sotto/privacy/budget.h>
#include <sotto/privacy/event.h>

#include <cstdint>
#include <functional>

namespace sotto::privacy {

template <typename Value>
struct Calibration {
  Value value;     // what was asked for
  double epsilon;  // upper bound at `value`, at the target's delta; <= the target's epsilon
  double slack;    // the target's epsilon - epsilon, >= 0
};

// What has to be met, and who judges it.
struct CalibrationTarget {
  PrivacyBudget budget;  // delta = 0 is allowed here; only pure releases meet it
  Method method;
  Precision precision = {};  // of the accountant: its width is part of the slack
};

// A run of which one parameter is left open: any sampler, adjacency and unit. A lambda that builds the events, e.g.
//   [&](double noise) { return AccountedEvents{adjacency, {}, SelfComposed(PoissonSampled{rate, {noise}}, steps)}; }
template <typename Parameter>
using RunFamily = std::function<AccountedEvents(Parameter)>;

// Smallest noise multiplier, to about nine digits or to the accountant's precision. Epsilon must fall in it.
Calibration<double> smallest_noise_multiplier(const CalibrationTarget& target, const RunFamily<double>& run_at_noise);
// Largest sampling rate in (0, 1]. Epsilon must grow in it.
Calibration<double> largest_sampling_rate(const CalibrationTarget& target, const RunFamily<double>& run_at_rate);
// Largest number of steps, 1 .. 2^53: one more would exceed the budget, up to the accountant's own rounding.
Calibration<int64_t> largest_steps(const CalibrationTarget& target, const RunFamily<int64_t>& run_of_steps);
// The same for passes over the data set (EpochOnce), and for the batch size of sampling without replacement, 1 ..
// dataset_size.
Calibration<int64_t> largest_epochs(const CalibrationTarget& target, const RunFamily<int64_t>& run_of_epochs);
Calibration<int64_t> largest_batch_size(const CalibrationTarget& target, const RunFamily<int64_t>& run_of_batches,
                                        int64_t dataset_size);
// Smallest delta at which the accountant's upper epsilon is at most `epsilon` (finite, >= 0); at least the smallest
// normal number unless the events are pure. UsageError where no delta below 1 does it.
Calibration<double> smallest_delta(double epsilon, Method method, const AccountedEvents& events,
                                   const Precision& precision = {});

// The same by RdpAccountant for Poisson-sampled Gaussian releases: within a fraction of a millisecond, and looser.

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
