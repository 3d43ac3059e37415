#pragma once
// Per-record gradients of the scale and the shift of a normalisation, and of biases, as sums over places:
//
//   scale_rows[i, c] = sum_{o,s} gradient[i,o,c,s] (input[i,o,c,s] - mean) reciprocal_deviation
//   shift_rows[i, c] = sum_{o,s} gradient[i,o,c,s]
//
// Records i, outer places o, channels c, inner places s; both statistics are those at
//   i * statistic_record_stride + o * statistic_outer_stride + c / channels_per_statistic
//
//                      outer      inner   channels_per_statistic   strides of statistics: record, outer
//   layer norm         positions  1       channels                 positions, 1
//   group norm         images     places  channels / groups        images * groups, groups
//   batch norm (eval)  images     places  1                        0, 0
//   bias of linear     positions  1       no scale_rows
//   bias of convolution  images   places  no scale_rows
//
// Their squared norms: squared_norms.h, of the rows as they are. A term has at most 3 roundings in T; terms are added
// in T in chains of at most kNormalisationChain, at most 32 chains in pairs, and those sums in double (device: those
// sums in one chain in T), and the result is rounded once. What is not finite stays in its own record.

#include <sotto/kernels/kernel_cost.h>
#include <sotto/kernels/stream.h>

#include <cstddef>

namespace sotto::kernels {

inline constexpr std::size_t kNormalisationChain = 64;

struct NormalisationShape {
  std::size_t records = 0;
  std::size_t outer = 1;
  std::size_t channels = 0;
  std::size_t inner = 1;
  // Elements between the starts of records, of input and of gradient: [outer, channels, inner] are consecutive.
  std::size_t input_record_stride = 0;
  std::size_t gradient_record_stride = 0;
  std::size_t channels_per_statistic = 1;  // >= 1
  std::size_t statistic_record_stride = 0;
  std::size_t statistic_outer_stride = 0;
};

// Writes rows [records, channels], channels elements apart. scale_rows may be nullptr, and then input, mean and
// reciprocal_deviation too; shift_rows may be nullptr. One thread: split by records.
void normalisation_rows(const NormalisationShape& shape, const float* input, const float* mean,
                        const float* reciprocal_deviation, const float* gradient, float* scale_rows, float* shift_rows);
void normalisation_rows(const NormalisationShape& shape, const double* input, const double* mean,
                        const double* reciprocal_deviation, const double* gradient, double* scale_rows,
                        double* shift_rows);

// The same on a device, in order on `stream`; all pointers are device memory. Bits do not depend on the block, which is
// 32 to 1024 threads and a multiple of 32 (std::invalid_argument otherwise). Reads input and gradient once; no
// arithmetic in double with T = float.
namespace cuda {
void normalisation_rows(const NormalisationShape& shape, const float* input, const float* mean,
                        const float* reciprocal_deviation, const float* gradient, float* scale_rows, float* shift_rows,
                        Stream stream, unsigned block = 256);
void normalisation_rows(const NormalisationShape& shape, const double* input, const double* mean,
                        const double* reciprocal_deviation, const double* gradient, double* scale_rows,
                        double* shift_rows, Stream stream, unsigned block = 256);

// Of both rows, or of the shift alone. A term of the scale is 3 operations; both sums are made in either case. Those of
// chains are not counted, nor the statistics.
template <class T>
constexpr KernelCost normalisation_rows_cost(const NormalisationShape& s, bool scale) {
  const std::uint64_t elements = s.records * s.outer * s.channels * s.inner, rows = s.records * s.channels;
  return {elements * (scale ? 2 : 1) * sizeof(T), rows * (scale ? 2 : 1) * sizeof(T), elements * (scale ? 5 : 2)};
}
}  // namespace cuda

}  // namespace sotto::kernels
