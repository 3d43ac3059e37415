#pragma once
// From a budget of a whole private selection to the noise of one of its runs (private_selection.h).
//
// As in calibration.h: what is returned was evaluated by the bound that reports it, and its epsilon is at most the
// budget's. Both functions use the Renyi curve of one run alone: of the engines only that one has a bound for a
// selection.

#include <sotto/privacy/budget.h>
#include <sotto/privacy/calibration.h>
#include <sotto/privacy/event.h>
#include <sotto/privacy/selection_runs.h>

#include <cstdint>

namespace sotto::privacy {

// One of the runs: `steps` (1 .. 2^53) releases at 0 < sampling_rate <= 1.
struct SelectedRun {
  Adjacency adjacency = Adjacency::add_remove;
  double sampling_rate = 0;
  std::int64_t steps = 0;
};

// Smallest noise multiplier of each run with which the best of all meets the budget, to about seven digits. Throws
// UsageError for values outside their ranges and for a budget that no noise meets.
Calibration<double> smallest_noise_multiplier(const SelectionRuns& runs, const PrivacyBudget& budget,
                                              const SelectedRun& run);

// Upper bound of epsilon of the best of all runs, each of which makes these releases.
double selection_epsilon(const SelectionRuns& runs, Adjacency adjacency, const Phases& releases, double delta);

}  // namespace sotto::privacy
