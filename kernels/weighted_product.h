#pragma once
// The weighted sum of per-record gradients that are sums of outer products, without forming any of them (letters as in
// outer_shape.h):
//
//   sum[a, b] += sum_i sum_t (left_scale[i] left[i,t,a]) (right_scale[i] right[i,t,b])
//
// The weight of record i is left_scale[i] right_scale[i]; scales go where no digit is lost. A record with a scale of 0
// adds nothing and is not read.
//
// An element is a sum, in T, of chains of at most kProductChain multiply-adds, added to `sum` one after the other; a
// scale that is not 1 costs each factor one rounding. No twin for devices: there the scaled factors are multiplied by
// cuBLAS.

#include <sotto/kernels/outer_shape.h>

#include <cstddef>

namespace sotto::kernels {

inline constexpr std::size_t kProductChain = 256;

// sum: [p, d] with sum_stride elements between rows. One thread: split by columns of either factor, with scratch of
// weighted_product_scratch<T>(shape) bytes for each, of any alignment. 2 B T p d operations.
void add_weighted_product(const OuterShape& shape, const float* left, const float* right, const float* left_scale,
                          const float* right_scale, float* sum, std::size_t sum_stride, void* scratch);
void add_weighted_product(const OuterShape& shape, const double* left, const double* right, const double* left_scale,
                          const double* right_scale, double* sum, std::size_t sum_stride, void* scratch);

template <class T>
std::size_t weighted_product_scratch(const OuterShape& shape);
template <>
std::size_t weighted_product_scratch<float>(const OuterShape& shape);
template <>
std::size_t weighted_product_scratch<double>(const OuterShape& shape);

}  // namespace sotto::kernels
