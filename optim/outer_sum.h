#pragma once
// The weighted sum of per-record gradients that are sums of outer products, in LibTorch's threads
// (kernels/weighted_product.h).

#include <ATen/core/Tensor.h>
#include <sotto/kernels/outer_shape.h>

namespace sotto::optim {

// Of left [B, T, p] and right [B, T, d], the last dimensions consecutive.
kernels::OuterShape outer_shape(const at::Tensor& left, const at::Tensor& right);

// sum[p, d] += sum_i left_scale[i] right_scale[i] sum_t left[i,t] right[i,t]^T, in float or double; scales are [B], and
// rows of `sum` are consecutive elements. Records with a scale of 0 are not read.
void add_outer_sum(const at::Tensor& left, const at::Tensor& left_scale, const at::Tensor& right,
                   const at::Tensor& right_scale, at::Tensor& sum);

}  // namespace sotto::optim
