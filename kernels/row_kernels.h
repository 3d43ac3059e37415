#pragma once
// The passes over rows of squared_norms.h, compiled once per instruction set. Not for users, but for tests that compare
// them.

#include <cstddef>
#include <span>

namespace sotto::kernels::detail {

template <class T>
struct RowKernels {
  const char* name;
  void (*squared_norms)(const T* rows, std::size_t row_count, std::size_t columns, std::size_t stride, double* out);
  void (*weighted_sum)(const T* rows, std::size_t row_count, std::size_t columns, std::size_t stride, const T* w, T* y);
};

// Of float and double. Best first; the last one, "baseline", runs everywhere.
template <class T>
std::span<const RowKernels<T>> supported_row_kernels();

}  // namespace sotto::kernels::detail
