#pragma once
// The clip norm of the rule adaptive: it follows a quantile of the norms of the records' gradients, which a step tells
// by a noised count (Andrew, Thakkar, McMahan, Ramaswamy, NeurIPS 2021, arXiv:1905.03871, algorithm 1).
//
//   b~      = 1/2 + noised count / B           count: the sum of [norm <= C_t] - 1/2 over the batch, with its noise
//   C_t+1   = C_t exp(-rate (b~ - quantile))   held between C_0 / kClipNormRange and C_0 kClipNormRange
//
// B is the expected batch size, a constant, and never the size of the batch that was drawn, which is secret: an empty
// batch counts as one where half the records are below. C_t+1 is made of what was released and of nothing else.

#include <cstdint>
#include <limits>

namespace sotto::optim {

inline constexpr double kDefaultClipQuantile = 0.5;
inline constexpr double kDefaultClipRate = 0.2;  // of the paper, as the quantile
inline constexpr double kLeastClipRate = 1e-6;
inline constexpr double kClipNormRange = 1048576;  // 2^20: far from where floats vanish or overflow

struct AdaptiveClipping {
  double quantile = kDefaultClipQuantile;  // share of gradients whose norm C is to reach; 0 < quantile < 1
  double rate = kDefaultClipRate;          // kLeastClipRate .. 1
  // Standard deviation of the noise of the count, in records; finite, > 0. privacy::default_count_noise() proposes one.
  double count_noise = std::numeric_limits<double>::quiet_NaN();
};

// Throws UsageError naming the field that is out of its range.
void validate(const AdaptiveClipping& clipping);

// C_t+1. first, now: finite, > 0; noised_count finite; expected_batch_size >= 1.
double next_clip_norm(const AdaptiveClipping& clipping, double first, double now, double noised_count,
                      std::int64_t expected_batch_size);

// The noised count that moved the clip norm from `now` to `next`, for audits; NaN where `next` is an end of the range,
// which does not tell.
double count_that_moved(const AdaptiveClipping& clipping, double first, double now, double next,
                        std::int64_t expected_batch_size);

}  // namespace sotto::optim
