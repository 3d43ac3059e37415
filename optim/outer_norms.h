#pragma once
// Squared norms of per-record gradients that are sums of outer products, sum_t left[i,t] right[i,t]^T, with the kernels
// of a step's device. left is [B, T, p] and right [B, T, d] in float or double, the last dimensions consecutive.

#include <ATen/core/Tensor.h>
#include <sotto/optim/step_device.h>

namespace sotto::optim {

struct GramNorms {  // each [B] in double
  at::Tensor computed;
  at::Tensor bound;  // sum_t |left_t||right_t|
  at::Tensor slack;  // largest error of computed
};

// Without forming a gradient (kernels/gram_norms.h). On the processor a record of floats for which the error matters is
// computed again in double; on a device, where that is not known before it is waited for, none is.
GramNorms gram_norms(const StepDevice& device, const at::Tensor& left, const at::Tensor& right);

// From the gradients themselves (kernels/tile_norms.h), which are written to rows [B, p d] unless nullptr. [B] in
// double.
at::Tensor tile_norms(const StepDevice& device, const at::Tensor& left, const at::Tensor& right, at::Tensor* rows);

}  // namespace sotto::optim
