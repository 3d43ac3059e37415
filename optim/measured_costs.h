#pragma once
// What this machine does in a second, for the planner (use_planner.h).

#include <sotto/optim/use_planner.h>

namespace sotto::optim {

// Measured on made-up numbers with LibTorch's current number of threads, in about a third of a second: the fastest of
// several runs each of a matrix product, of per-record gradients that are dropped, of gram_norms and of a copy that
// fits no cache, in float. Rounded to three digits. Strategies, and with them the rounding of sums, follow from these
// figures: whatever has to be repeated must keep them.
KernelCosts measured_costs();

// Throws UsageError unless all figures are finite and above 0.
void check_costs(const KernelCosts& costs);

}  // namespace sotto::optim
