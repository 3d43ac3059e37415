#pragma once
// The kernels of weighted_product.h, compiled once per instruction set. Not for users, but for tests that compare them.

#include <sotto/kernels/weighted_product.h>

#include <cstddef>
#include <span>

namespace sotto::kernels::detail {

// What any instruction set needs of scratch, which is aligned to a line here.
constexpr std::size_t kProductLine = 64;
constexpr std::size_t kProductPackedChain = kProductChain + 2;
constexpr std::size_t kProductTaps = 8;         // columns of left in a register tile
constexpr std::size_t kProductTileBytes = 128;  // at most, of columns of right in a register tile

// The caller must know that the processor supports the instruction set.
struct ProductKernels {
  const char* name;
  void (*of_float)(const OuterShape&, const float* left, const float* right, const float* left_scale,
                   const float* right_scale, float* sum, std::size_t sum_stride, unsigned char* scratch);
  void (*of_double)(const OuterShape&, const double* left, const double* right, const double* left_scale,
                    const double* right_scale, double* sum, std::size_t sum_stride, unsigned char* scratch);
};

// Best first; the last one, "baseline", runs everywhere.
std::span<const ProductKernels> supported_product_kernels();

}  // namespace sotto::kernels::detail
