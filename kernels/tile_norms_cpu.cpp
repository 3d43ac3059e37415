#include <sotto/kernels/instruction_sets.h>
#include <sotto/kernels/rounding.h>
#include <sotto/kernels/scratch.h>
#include <sotto/kernels/tile_kernels.h>

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#define SOTTO_LANE_BYTES 16
#include <sotto/kernels/tile_lanes.h>

namespace sotto::kernels {
namespace detail {

#if defined(SOTTO_X86_64)
extern const TileKernels tile_kernels_avx2;
extern const TileKernels tile_kernels_avx512;
#endif

std::span<const TileKernels> supported_tile_kernels() {
#if defined(SOTTO_X86_64)
  static const std::vector<TileKernels> kernels =
      best_first(tile_kernels("baseline"), &tile_kernels_avx2, &tile_kernels_avx512);
#else
  static const std::vector<TileKernels> kernels = {tile_kernels("baseline")};
#endif
  return kernels;
}

void check_convolution(const ConvolutionShape& s) {
  const auto fail = [](const std::string& what) { throw std::invalid_argument("[convolution_norms] " + what); };
  if (s.groups == 0 || s.channels % s.groups != 0 || s.outputs % s.groups != 0)
    fail("groups: " + std::to_string(s.groups) + "; must divide " + std::to_string(s.channels) + " channels and " +
         std::to_string(s.outputs) + " outputs");
  const auto reached = [](std::size_t out, std::size_t stride, std::size_t kernel, std::size_t dilation) {
    return out == 0 || kernel == 0 ? 0 : (out - 1) * stride + (kernel - 1) * dilation + 1;
  };
  const std::size_t rows = s.height + 2 * s.padding_y, row = s.width + 2 * s.padding_x;
  const std::size_t y = reached(s.out_height, s.stride_y, s.kernel_height, s.dilation_y);
  const std::size_t x = reached(s.out_width, s.stride_x, s.kernel_width, s.dilation_x);
  if (y > rows || x > row)
    fail("patches reach " + std::to_string(y) + " x " + std::to_string(x) + " elements; must be within the padded " +
         std::to_string(rows) + " x " + std::to_string(row));
  if (static_cast<double>(s.images) * static_cast<double>(s.channels) * static_cast<double>(rows) *
          static_cast<double>(row) >=
      0x1p31)
    fail("padded images of a record: " + std::to_string(s.images) + " x " + std::to_string(s.channels) + " x " +
         std::to_string(rows) + " x " + std::to_string(row) + " elements; must be less than 2^31");
}

}  // namespace detail

namespace {

std::size_t outer_scratch(const OuterShape& shape, std::size_t element) {
  const std::size_t blocks = (shape.left_columns + detail::kMostTaps - 1) / detail::kMostTaps;
  return shape.positions * (detail::kMostTileBytes + blocks * detail::kMostTaps * element) + detail::kTileLine;
}

std::size_t convolution_scratch(const ConvolutionShape& s, std::size_t element) {
  const std::size_t padded = s.channels * (s.height + 2 * s.padding_y) * (s.width + 2 * s.padding_x);
  const std::size_t taps = s.channels * s.kernel_height * s.kernel_width;
  const std::size_t places = s.images * s.out_height * s.out_width;
  return places * detail::kMostTileBytes + s.images * padded * element + (places + taps) * sizeof(std::uint32_t) +
         detail::kTileLine;
}

const detail::TileKernels& best() {
  return detail::supported_tile_kernels().front();
}

}  // namespace

template <>
std::size_t tile_norm_scratch<float>(const OuterShape& shape) {
  return outer_scratch(shape, sizeof(float));
}
template <>
std::size_t tile_norm_scratch<double>(const OuterShape& shape) {
  return outer_scratch(shape, sizeof(double));
}
template <>
double tile_norm_factor<float>(const OuterShape& shape) {
  return gamma(static_cast<double>(shape.positions), std::numeric_limits<float>::epsilon() / 2);
}
template <>
double tile_norm_factor<double>(const OuterShape& shape) {
  return gamma(static_cast<double>(shape.positions), std::numeric_limits<double>::epsilon() / 2);
}

void tile_norms(const OuterShape& shape, const float* left, const float* right, float* kept, std::size_t kept_stride,
                void* scratch, double* computed) {
  best().outer_float(shape, left, right, kept, kept_stride, detail::aligned(scratch, detail::kTileLine), computed);
}
void tile_norms(const OuterShape& shape, const double* left, const double* right, double* kept, std::size_t kept_stride,
                void* scratch, double* computed) {
  best().outer_double(shape, left, right, kept, kept_stride, detail::aligned(scratch, detail::kTileLine), computed);
}

std::size_t convolution_elements(const ConvolutionShape& s) {
  return s.outputs * (s.channels / s.groups) * s.kernel_height * s.kernel_width;
}
template <>
std::size_t convolution_norm_scratch<float>(const ConvolutionShape& shape) {
  return convolution_scratch(shape, sizeof(float));
}
template <>
std::size_t convolution_norm_scratch<double>(const ConvolutionShape& shape) {
  return convolution_scratch(shape, sizeof(double));
}

void convolution_norms(const ConvolutionShape& shape, const float* image, const float* gradient, float* kept,
                       std::size_t kept_stride, void* scratch, double* computed) {
  detail::check_convolution(shape);
  best().convolution_float(shape, image, gradient, kept, kept_stride, detail::aligned(scratch, detail::kTileLine),
                           computed);
}
void convolution_norms(const ConvolutionShape& shape, const double* image, const double* gradient, double* kept,
                       std::size_t kept_stride, void* scratch, double* computed) {
  detail::check_convolution(shape);
  best().convolution_double(shape, image, gradient, kept, kept_stride, detail::aligned(scratch, detail::kTileLine),
                            computed);
}

}  // namespace sotto::kernels
