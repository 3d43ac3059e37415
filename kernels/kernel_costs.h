#pragma once
// What kernels cannot do without: operations (a multiply-add is two) and bytes of global memory, each array once. For
// plans and benchmarks; the same for processor and device. Squares and sums of norms in double are left out where they
// are less than one operation in ten.

#include <sotto/kernels/convolution_norms.h>
#include <sotto/kernels/embedding_norms.h>
#include <sotto/kernels/normalisation_rows.h>
#include <sotto/kernels/outer_shape.h>

#include <cstddef>

namespace sotto::kernels {

struct KernelCost {
  double operations = 0;
  double bytes = 0;
};

namespace detail {
constexpr double product(auto... factors) {
  return (1.0 * ... * static_cast<double>(factors));
}
constexpr double factor_elements(const OuterShape& s) {
  return product(s.records, s.positions, s.left_columns + s.right_columns);
}
}  // namespace detail

// gram_norms: inner products of the pairs s <= t.
constexpr KernelCost gram_norm_cost(const OuterShape& s, std::size_t element_bytes) {
  return {detail::factor_elements(s) * static_cast<double>(s.positions + 1),
          detail::factor_elements(s) * static_cast<double>(element_bytes)};
}

// tile_norms.
constexpr KernelCost tile_norm_cost(const OuterShape& s, std::size_t element_bytes, bool keep) {
  const double gradients = detail::product(s.records, s.left_columns, s.right_columns);
  return {2 * gradients * static_cast<double>(s.positions),
          (detail::factor_elements(s) + (keep ? gradients : 0)) * static_cast<double>(element_bytes)};
}

// convolution_norms, products with the padding included.
constexpr KernelCost convolution_norm_cost(const ConvolutionShape& s, std::size_t element_bytes, bool keep) {
  const double gradients =
      detail::product(s.records, s.outputs, s.channels / s.groups, s.kernel_height, s.kernel_width);
  const double places = detail::product(s.images, s.out_height, s.out_width);
  const double read = detail::product(s.records, s.images, s.channels, s.height, s.width) +
                      detail::product(s.records, s.outputs) * places;
  return {2 * gradients * places, (read + (keep ? gradients : 0)) * static_cast<double>(element_bytes)};
}

// embedding_norms: every position is added to its row of the table and measured.
constexpr KernelCost embedding_norm_cost(const EmbeddingShape& s, std::size_t element_bytes) {
  const double tokens = detail::product(s.records, s.positions);
  return {4 * tokens * static_cast<double>(s.columns),
          tokens * static_cast<double>(sizeof(std::int64_t)) +
              tokens / static_cast<double>(s.positions_per_row) * detail::product(s.columns, element_bytes)};
}

// normalisation_rows, with scale and shift.
constexpr KernelCost normalisation_cost(const NormalisationShape& s, std::size_t element_bytes) {
  const double elements = detail::product(s.records, s.outer, s.channels, s.inner);
  return {5 * elements, 2 * elements * static_cast<double>(element_bytes)};
}

// add_row_squared_norms and add_weighted_row_sum.
constexpr KernelCost row_pass_cost(std::size_t rows, std::size_t columns, std::size_t element_bytes) {
  return {2 * detail::product(rows, columns), detail::product(rows, columns, element_bytes)};
}

}  // namespace sotto::kernels
