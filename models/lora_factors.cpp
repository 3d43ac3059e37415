#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <sotto/models/lora_factors.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cmath>

namespace sotto::models {

void check_sizes(const LoraOptions& options) {
  if (options.rank < 1) throw UsageError(fmt::format("[Lora] rank: {}; must be at least 1", options.rank));
  if (!(options.alpha > 0.0 && options.alpha <= kMostLoraAlpha))
    throw UsageError(
        fmt::format("[Lora] alpha: {}; must be a number above 0, at most {}", options.alpha, kMostLoraAlpha));
}

void check_weight(const LoraOptions& options, const std::string& layer, const at::Tensor& weight) {
  if (!weight.is_leaf())
    throw UsageError(fmt::format("[Lora] the weight of layer {} is computed from others; must be a parameter", layer));
  if (options.rank > std::min(weight.size(0), weight.size(1)))
    throw UsageError(fmt::format("[Lora] rank: {}; must be at most {}, the smaller size of the weight of layer {}",
                                 options.rank, std::min(weight.size(0), weight.size(1)), layer));
}

at::Tensor LoraFactors::weight(double scale) const {
  return at::addmm(base, b, a, 1.0, scale);
}

LoraFactors draw_factors(const at::Tensor& weight, int64_t rank) {
  weight.requires_grad_(false);
  const at::TensorOptions like = weight.options();
  const double bound = 1.0 / std::sqrt(static_cast<double>(weight.size(1)));
  return {.base = weight,
          .a = at::empty({rank, weight.size(1)}, like).uniform_(-bound, bound),
          .b = at::zeros({weight.size(0), rank}, like)};
}

}  // namespace sotto::models
