#pragma once
// From the squared norms of the records' gradients to their weights, for every weight rule, in one pass.
//
//   flat     min(1, C/n)             psac     C/(n + r/(n + r))
//   auto-s   C/(n + gamma)           nsgd     C/(r + n)
//
// n is an upper bound of the norm: sqrt(max(0, computed + slack)) (1 + kNormMargin). Weights are reduced so that w n <=
// C holds in exact arithmetic for the float that is returned, over all finite n: from 0 and the smallest double to the
// largest, with C and r from 1e-30 to 1e30. A record whose bound is not finite in some group has weight 0 in all: half
// a record has no meaning. (Sources of the rules: sotto/optim/weight_rule.h.)

#include <sotto/kernels/kernel_cost.h>
#include <sotto/kernels/stream.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace sotto::kernels {

// Covers what the slacks do not: sums of squares in double (half of 1e9 * 2^-53 < 6e-8 for 1e9 parameters), and the
// float roundings of weight times factor and of the product in the weighted sum (2 * 2^-24 < 1.2e-7).
inline constexpr double kNormMargin = 2e-7;
inline constexpr std::size_t kMostWeightGroups = 64;  // in one launch on a device

struct WeightFormula {
  enum class Kind : std::uint32_t { flat, psac, auto_s, nsgd };
  Kind kind = Kind::flat;
  double clip_norm = 1;  // C, finite and > 0
  double parameter = 0;  // r or gamma, finite and > 0; not used by flat
};

// The bound n above. What is not finite stays so.
double record_norm_bound(double computed, double slack);

// The weight for a norm that is not below the true one; 0 for one that is negative, infinite or not a number.
float record_weight(const WeightFormula& formula, double norm);

// weights[g * records + i] of record i in group g, from computed and slack of the same layout. `active` has an entry
// per record, 0 for padding, whose weight is 0; nullptr: all are active. Nothing is done for no records.
void record_weights(std::span<const WeightFormula> groups, const double* computed, const double* slack,
                    const std::uint8_t* active, std::size_t records, float* weights);

// The same on a device, in order on `stream`; all pointers are device memory, and the bits are those above. At most
// kMostWeightGroups groups (std::invalid_argument otherwise), and of a block 32 to 1024 threads, a multiple of 32.
namespace cuda {
void record_weights(std::span<const WeightFormula> groups, const double* computed, const double* slack,
                    const std::uint8_t* active, std::size_t records, float* weights, Stream stream,
                    unsigned block = 256);

// At most: with `active`, all of them so, and the rule psac. The bounds are looked at twice, the second time mostly in
// a cache.
constexpr KernelCost record_weights_cost(std::uint64_t groups, std::uint64_t records) {
  const std::uint64_t weights = groups * records;
  return {weights * 2 * sizeof(double) + records, weights * sizeof(float), weights * 12};
}
}  // namespace cuda

}  // namespace sotto::kernels
