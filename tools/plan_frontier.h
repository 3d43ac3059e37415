#pragma once
// What a budget buys: for every batch size and number of steps the least noise, and what signal is left.

#include <sotto/tools/plan_notes.h>
#include <sotto/tools/plan_question.h>

#include <functional>
#include <optional>
#include <vector>

namespace sotto::tools {

struct PlanRow {
  int64_t batch = 0;
  int64_t steps = 0;
  int64_t length = 0;           // the epochs or steps of the question
  double epochs = 0;            // steps * batch / dataset_size
  double sampling_rate = 0;     // batch / dataset_size
  double noise_multiplier = 0;  // what sotto train takes for these settings, to the last bit
  double epsilon = 0;           // what it reports: a certified upper bound, at most the budget's
  // plan_signal.h
  double coordinate_noise = 0, noise_norm = 0, step_signal_to_noise = 0, run_signal_to_noise = 0;
  std::optional<double> seconds = {};  // steps * measured seconds * batch / measured batch
  std::vector<PlanNote> notes = {};
};

struct PlanFrontier {
  std::vector<PlanRow> rows;  // by batch, then by length
  // The row of `rows` to begin with: among those within the time limit the smallest batch, then the fewest steps, whose
  // noise in the mean of the run is at most 1.1 times the least. Nothing where all take longer.
  std::optional<size_t> suggested;
  double full_batch_signal_to_noise = 0;
};

// Calls `progress`, where there is one, from the calling thread with the number of rows done, a few times a second.
// Calibrates by privacy::PrivacyPlan, as sotto train does, on all processors. Throws UsageError naming batch and steps
// where no noise meets the budget.
PlanFrontier plan_frontier(const PlanQuestion& question, const std::function<void(int64_t)>& progress = {});

}  // namespace sotto::tools
