#pragma once
// The factors of low rank of one weight, wherever its layer comes from: lora.h adapts modules of C++, script_lora.h
// those of a TorchScript file.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace sotto::models {

inline constexpr double kMostLoraAlpha = 1e30;  // times a factor it is a float

struct LoraOptions {
  int64_t rank = 8;                                         // 1 to the smaller size of each weight
  double alpha = 16.0;                                      // above 0, at most kMostLoraAlpha
  std::vector<std::string> targets = {"*query", "*value"};  // patterns (name_pattern.h) of names of linear layers

  double scale() const { return alpha / static_cast<double>(rank); }
};

// Throws UsageError for a rank below 1 and an alpha out of range.
void check_sizes(const LoraOptions& options);
// Throws UsageError for a weight [p, d] of `layer` that is computed from others, or smaller than the rank.
void check_weight(const LoraOptions& options, const std::string& layer, const at::Tensor& weight);

struct LoraFactors {
  at::Tensor base, a, b;  // [p, d] frozen, [rank, d], [p, rank]

  // base + scale B A, in the one form of which private training makes uses of the factors (optim/low_rank_use.h).
  at::Tensor weight(double scale) const;
};

// Freezes the weight and draws A, uniform in +-1 / sqrt(d) as a linear layer's weight is; B is zeros. Neither factor
// requires grad yet.
LoraFactors draw_factors(const at::Tensor& weight, int64_t rank);

}  // namespace sotto::models
