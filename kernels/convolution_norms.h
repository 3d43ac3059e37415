#pragma once
// Per-record gradients of the weight of a two-dimensional convolution and their squared norms, straight from the
// images: patches are read where they are, no unfolded copy is made (cf. Rochette et al., arXiv:1912.06015).
//
//   G_i[o, c, y, x] = sum over the record's images and places (u, v) of
//                     gradient[i, o, u, v] image[i, g C + c, u stride + y dilation - padding, ... x ...]
//
// with C = channels / groups, g the group of output o, and zeros beyond the edges of an image.
// One dimension is height = kernel_height = 1. For a transposed convolution image and gradient change places.
//
// An element is one chain of multiply-adds in its own type. Squares and their sum are in double: the relative error of
// computed[i] as the squared norm of the gradient that is kept is below N 2^-53, N its number of elements (in double,
// squares overflow beyond 1e154 and vanish below 1e-154). The same call gives the same bits on the same machine, kept
// or dropped: formed again for the weighted sum, a dropped gradient is the one that was measured. What is not finite in
// a record, or overflows in its gradient, makes its computed[i] infinite or NaN, and no other.

#include <sotto/kernels/kernel_cost.h>
#include <sotto/kernels/outer_shape.h>
#include <sotto/kernels/stream.h>

#include <cstddef>

namespace sotto::kernels {

struct ConvolutionShape {
  std::size_t records = 0;
  std::size_t images = 1;    // per record
  std::size_t channels = 0;  // a multiple of groups
  std::size_t height = 0;
  std::size_t width = 0;
  std::size_t outputs = 0;  // a multiple of groups
  std::size_t out_height = 0;
  std::size_t out_width = 0;
  std::size_t kernel_height = 0;
  std::size_t kernel_width = 0;
  std::size_t stride_y = 1, stride_x = 1;
  std::size_t padding_y = 0, padding_x = 0;
  std::size_t dilation_y = 1, dilation_x = 1;
  std::size_t groups = 1;
  // Elements between consecutive records: [images, channels, height, width] and [images, outputs, out_height,
  // out_width] of a record are consecutive.
  std::size_t image_record_stride = 0;
  std::size_t gradient_record_stride = 0;
};

// N = outputs * channels / groups * kernel_height * kernel_width.
std::size_t convolution_elements(const ConvolutionShape& shape);

// kept: N consecutive elements per record in the order [groups, channels / groups, kernel_height, kernel_width, outputs
// / groups] (that of the registers: transpose the weighted sum, not every gradient), kept_stride between records;
// nullptr: dropped. computed[i] is written for every record. One thread: split by records, with scratch of
// convolution_norm_scratch<T>(shape) bytes for each, of any alignment. 2 N out_height out_width images operations per
// record. std::invalid_argument unless sizes fit: the last place of a patch is within the padded image, and a padded
// record has less than 2^31 elements.
void convolution_norms(const ConvolutionShape& shape, const float* image, const float* gradient, float* kept,
                       std::size_t kept_stride, void* scratch, double* computed);
void convolution_norms(const ConvolutionShape& shape, const double* image, const double* gradient, double* kept,
                       std::size_t kept_stride, void* scratch, double* computed);

template <class T>
std::size_t convolution_norm_scratch(const ConvolutionShape& shape);
template <>
std::size_t convolution_norm_scratch<float>(const ConvolutionShape& shape);
template <>
std::size_t convolution_norm_scratch<double>(const ConvolutionShape& shape);

// The same on a device, in order on `stream`; all pointers are device memory, `scratch` aligned to 8 bytes. Bits do not
// depend on the block, which is 32 to 1024 threads and a multiple of 32 (std::invalid_argument otherwise); more than
// 256 are not used. Arithmetic in double: one multiply-add per element of a gradient, and with T = double everything.
namespace cuda {
void convolution_norms(const ConvolutionShape& shape, const float* image, const float* gradient, float* kept,
                       std::size_t kept_stride, void* scratch, double* computed, Stream stream, unsigned block = 256);
void convolution_norms(const ConvolutionShape& shape, const double* image, const double* gradient, double* kept,
                       std::size_t kept_stride, void* scratch, double* computed, Stream stream, unsigned block = 256);

// Bytes, for all records.
constexpr std::size_t convolution_norm_scratch(const ConvolutionShape& shape) {
  const std::size_t taps = shape.channels / shape.groups * shape.kernel_height * shape.kernel_width;
  return shape.records * shape.groups * gradient_tiles(taps, shape.outputs / shape.groups) * sizeof(double);
}

// Products, those with the padding included, and squares; what fills tiles up to whole ones is not counted.
template <class T>
constexpr KernelCost convolution_norms_cost(const ConvolutionShape& s, bool keep) {
  const std::uint64_t places = s.images * s.out_height * s.out_width;
  const std::uint64_t elements = s.records * s.outputs * (s.channels / s.groups) * s.kernel_height * s.kernel_width;
  return {s.records * (s.images * s.channels * s.height * s.width + s.outputs * places) * sizeof(T),
          (keep ? elements * sizeof(T) : 0) + s.records * sizeof(double), elements * 2 * (places + 1)};
}
}  // namespace cuda

namespace detail {
// Throws what convolution_norms does for its shape.
void check_convolution(const ConvolutionShape& shape);
}  // namespace detail

}  // namespace sotto::kernels
