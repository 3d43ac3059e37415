#pragma once
// The two passes over kept per-sample gradients: squared norms of rows, and the weighted sum of rows. Both read each
// row once and are bound by memory.
//
// Shapes: rows is [row_count, columns] with consecutive columns and `stride` elements between the starts of consecutive
// rows (stride may be 0 to 2^63; rows may overlap, they are only read). row_count = 0 or columns = 0 does nothing.

#include <sotto/kernels/kernel_cost.h>
#include <sotto/kernels/stream.h>

#include <cstddef>

namespace sotto::kernels {

// out[i] += sum_j rows[i, j]^2 for i in [0, row_count).
// float: squares and sums in double, so no finite input overflows, and the relative error is below columns * 2^-53.
// double: squares overflow to infinity beyond 1e154; relative error as above otherwise.
// A row that holds an infinity or a NaN gives a non-finite out[i]; other rows are not touched by it.
void add_row_squared_norms(const float* rows, std::size_t row_count, std::size_t columns, std::size_t stride,
                           double* out);
void add_row_squared_norms(const double* rows, std::size_t row_count, std::size_t columns, std::size_t stride,
                           double* out);

// y[j] += sum_i w[i] * rows[i, j] for j in [0, columns). y must not overlap rows.
// A row with w[i] == 0 is not read at all: a NaN or padding row of weight 0 adds nothing. Products and sums are taken
// in double in the order of i, and rounded once to the type of y before they are added.
void add_weighted_row_sum(const float* rows, std::size_t row_count, std::size_t columns, std::size_t stride,
                          const float* w, float* y);
void add_weighted_row_sum(const double* rows, std::size_t row_count, std::size_t columns, std::size_t stride,
                          const double* w, double* y);

// The same on a device, in order on `stream`; all pointers are device memory. Bits do not depend on the block size,
// which must be 32 to 1024 and a multiple of 32 (std::invalid_argument otherwise), and the error bounds are those
// above. `scratch` is of weighted_row_sum_scratch() bytes, aligned to 8: sums of kRowsOfAPart rows each, which are then
// added in their order.
namespace cuda {
inline constexpr std::size_t kRowsOfAPart = 128;

constexpr std::size_t weighted_row_sum_scratch(std::size_t row_count, std::size_t columns) {
  const std::size_t parts = (row_count + kRowsOfAPart - 1) / kRowsOfAPart;
  return parts > 1 ? parts * columns * sizeof(double) : 0;
}

void add_row_squared_norms(const float* rows, std::size_t row_count, std::size_t columns, std::size_t stride,
                           double* out, Stream stream, unsigned block = 256);
void add_row_squared_norms(const double* rows, std::size_t row_count, std::size_t columns, std::size_t stride,
                           double* out, Stream stream, unsigned block = 256);
void add_weighted_row_sum(const float* rows, std::size_t row_count, std::size_t columns, std::size_t stride,
                          const float* w, void* scratch, float* y, Stream stream, unsigned block = 256);
void add_weighted_row_sum(const double* rows, std::size_t row_count, std::size_t columns, std::size_t stride,
                          const double* w, void* scratch, double* y, Stream stream, unsigned block = 256);

// Operations in double. 1024 of every row add its partial sums up.
template <class T>
constexpr KernelCost add_row_squared_norms_cost(std::uint64_t row_count, std::uint64_t columns) {
  return {row_count * (columns * sizeof(T) + sizeof(double)), row_count * sizeof(double),
          row_count * (2 * columns + 1024)};
}
// No weight is 0: a row of weight 0 costs its weight alone. A weight is read once by every column, mostly from a cache.
template <class T>
constexpr KernelCost add_weighted_row_sum_cost(std::uint64_t row_count, std::uint64_t columns) {
  const std::uint64_t of_parts = weighted_row_sum_scratch(row_count, columns);
  return {(row_count * columns + row_count + columns) * sizeof(T) + of_parts, columns * sizeof(T) + of_parts,
          (2 * row_count + 1) * columns + of_parts / sizeof(double)};
}
}  // namespace cuda

}  // namespace sotto::kernels
