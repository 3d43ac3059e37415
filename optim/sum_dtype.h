#pragma once
// In what the per-record gradients of a parameter are computed, summed and given noise: its own dtype, and float for
// parameters in half precision (fp16, bf16), whose models then run as they are and lose nothing on the way to the
// noise.

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>

namespace sotto::optim {

inline bool is_half_precision(at::ScalarType dtype) {
  return dtype == at::kHalf || dtype == at::kBFloat16;
}

// Whether parameters of this dtype can be trained.
inline bool has_sums(at::ScalarType dtype) {
  return is_half_precision(dtype) || dtype == at::kFloat || dtype == at::kDouble;
}

inline at::ScalarType sum_dtype(const at::Tensor& parameter) {
  return is_half_precision(parameter.scalar_type()) ? at::kFloat : parameter.scalar_type();
}

// Of tensors that hold gradients of a parameter.
inline at::TensorOptions sum_options(const at::Tensor& parameter) {
  return parameter.options().requires_grad(false).dtype(sum_dtype(parameter));
}

inline int64_t sum_bytes(const at::Tensor& parameter) {
  return parameter.numel() * static_cast<int64_t>(at::elementSize(sum_dtype(parameter)));
}

// A sum of nothing, of the parameter's sizes.
inline at::Tensor zero_sum(const at::Tensor& parameter) {
  return at::zeros(parameter.sizes(), sum_options(parameter));
}

}  // namespace sotto::optim
