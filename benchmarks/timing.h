#pragma once
// How long something takes: the median of repetitions.

#include <functional>

namespace sotto::benchmarks {

struct Timing {
  double first_seconds = 0;    // of the first run, with cold caches
  double median_seconds = 0;   // of all runs after it; of the first where there is no other
  double fastest_seconds = 0;  // of the same: what a machine that is busy otherwise would need if it were not
  int runs = 0;                // the first included
};

// Runs `work` once, and then until `largest_runs` (>= 1) were made or half a second has passed, three times at least.
Timing time_runs(const std::function<void()>& work, int largest_runs);

}  // namespace sotto::benchmarks
