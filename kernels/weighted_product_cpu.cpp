#include <sotto/kernels/instruction_sets.h>
#include <sotto/kernels/product_kernels.h>
#include <sotto/kernels/scratch.h>

#include <vector>

#define SOTTO_LANE_BYTES 16
#include <sotto/kernels/product_lanes.h>

namespace sotto::kernels {
namespace detail {

#if defined(SOTTO_X86_64)
extern const ProductKernels product_kernels_avx2;
extern const ProductKernels product_kernels_avx512;
#endif

std::span<const ProductKernels> supported_product_kernels() {
#if defined(SOTTO_X86_64)
  static const std::vector<ProductKernels> kernels =
      best_first(product_kernels("baseline"), &product_kernels_avx2, &product_kernels_avx512);
#else
  static const std::vector<ProductKernels> kernels = {product_kernels("baseline")};
#endif
  return kernels;
}

}  // namespace detail

namespace {

std::size_t rounded_up(std::size_t value, std::size_t step) {
  return (value + step - 1) / step * step;
}

template <class T>
std::size_t scratch_of(const OuterShape& shape) {
  return (rounded_up(shape.right_columns, detail::kProductTileBytes / sizeof(T)) +
          rounded_up(shape.left_columns, detail::kProductTaps)) *
             detail::kProductPackedChain * sizeof(T) +
         detail::kProductLine;
}

}  // namespace

template <>
std::size_t weighted_product_scratch<float>(const OuterShape& shape) {
  return scratch_of<float>(shape);
}
template <>
std::size_t weighted_product_scratch<double>(const OuterShape& shape) {
  return scratch_of<double>(shape);
}

void add_weighted_product(const OuterShape& shape, const float* left, const float* right, const float* left_scale,
                          const float* right_scale, float* sum, std::size_t sum_stride, void* scratch) {
  detail::supported_product_kernels().front().of_float(shape, left, right, left_scale, right_scale, sum, sum_stride,
                                                       detail::aligned(scratch, detail::kProductLine));
}
void add_weighted_product(const OuterShape& shape, const double* left, const double* right, const double* left_scale,
                          const double* right_scale, double* sum, std::size_t sum_stride, void* scratch) {
  detail::supported_product_kernels().front().of_double(shape, left, right, left_scale, right_scale, sum, sum_stride,
                                                        detail::aligned(scratch, detail::kProductLine));
}

}  // namespace sotto::kernels
