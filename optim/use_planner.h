#pragma once
// Which strategy each use of a step gets: the fastest ones whose tensors fit into the memory that there is.

#include <sotto/optim/parameter_use.h>

#include <cstdint>
#include <vector>

namespace sotto::optim {

// What a machine does in a second, with all threads. The figures are of two threads of an AMD EPYC with AVX-512
// (benchmarks/kernel_benchmark.cpp, twice the figures of its one thread, rounded down); what matters is how they
// relate.
struct KernelCosts {
  double product = 4e11;          // of weighted sums as one product (kernels/weighted_product.h)
  double record_products = 3e11;  // operations of per-record gradients (kernels/tile_norms.h, convolution_norms.h)
  double gram = 3e11;             // of gram_norms (kernels/gram_norms.h)
  double bytes = 2e10;            // read or written in one pass over memory
};

struct PlannedUse {
  Strategy strategy = Strategy::automatic;  // automatic: nothing to choose
  int64_t held_bytes = 0;                   // from the use's gradient to its weighted sum
  double seconds = 0.0;                     // estimate, norm and weighted sum
};

// The use with each strategy that it can have, for B records with elements of element_bytes.
std::vector<PlannedUse> possible_plans(const UseShape& shape, int64_t records, int64_t element_bytes,
                                       const KernelCosts& costs);

// The same with a strategy that was asked for, or the one that takes its place where it cannot be had.
PlannedUse forced_plan(Strategy strategy, const UseShape& shape, int64_t records, int64_t element_bytes,
                       const KernelCosts& costs);

struct UseToPlan {
  UseShape shape;
  int64_t bytes_before = 0;   // that the forward pass held when it came to the use
  int64_t element_bytes = 4;  // of its gradients
};

// One plan per use, from shapes alone. The uses are in the order of the forward pass. When the backward pass is at one
// of them, what the forward pass held before it is still there, and what it and the uses behind it hold:
//   bytes_before[k] + sum_{j >= k} held_bytes[j]   for each k
// Every use gets its fastest strategy; while one of those sums is above budget_bytes, the change that costs the least
// time per byte that it frees there is made. What cannot be made to fit holds as little as possible. O(U^2) for U uses.
std::vector<PlannedUse> plan_uses(const std::vector<UseToPlan>& uses, int64_t records, int64_t budget_bytes,
                                  const KernelCosts& costs);

// The largest of those sums where every use holds as little as it can: the smallest budget that is kept. 0 for no use.
int64_t least_bytes(const std::vector<UseToPlan>& uses, int64_t records);

}  // namespace sotto::optim
