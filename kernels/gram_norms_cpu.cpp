#include <sotto/kernels/gram_kernels.h>
#include <sotto/kernels/gram_norms.h>
#include <sotto/kernels/instruction_sets.h>
#include <sotto/kernels/rounding.h>
#include <sotto/kernels/scratch.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <vector>

#define SOTTO_LANE_BYTES 16
#include <sotto/kernels/gram_norms_lanes.h>

namespace sotto::kernels {
namespace detail {

#if defined(SOTTO_X86_64)
extern const GramKernels gram_kernels_avx2;
extern const GramKernels gram_kernels_avx512;
#endif

std::span<const GramKernels> supported_gram_kernels() {
#if defined(SOTTO_X86_64)
  static const std::vector<GramKernels> kernels =
      best_first(gram_kernels("baseline"), &gram_kernels_avx2, &gram_kernels_avx512);
#else
  static const std::vector<GramKernels> kernels = {gram_kernels("baseline")};
#endif
  return kernels;
}

double gram_factor(const OuterShape& shape, double k_left, double k_right, double unit) {
  constexpr double kDoubleUnit = std::numeric_limits<double>::epsilon() / 2;
  const auto positions = static_cast<double>(shape.positions);
  const double of_left = gamma(k_left, unit);
  const double of_right = gamma(k_right, unit);
  const double products = of_left + of_right + of_left * of_right;
  // The products and powers of two of a pair, the sum over pairs and over chunks of long rows.
  const double chunks = static_cast<double>(shape.left_columns + shape.right_columns) + 8;
  const double sums = gamma(positions * positions + chunks, kDoubleUnit) * (1 + products);
  // The bound itself is rounded.
  return (products + sums) * (1 + 4 * gamma(chunks + positions, kDoubleUnit));
}

namespace {

template <class T>
double factor_of(const GramKernels& kernels, const OuterShape& shape) {
  const std::size_t lanes = kernels.lane_bytes / sizeof(T);
  const auto chain = [&](std::size_t columns) {
    return static_cast<double>(std::min((columns + lanes - 1) / lanes, kGramChain) + std::bit_width(lanes));
  };
  return gram_factor(shape, chain(shape.left_columns), chain(shape.right_columns),
                     std::numeric_limits<T>::epsilon() / 2);
}

}  // namespace

template <>
double gram_norm_factor<float>(const GramKernels& kernels, const OuterShape& shape) {
  return factor_of<float>(kernels, shape);
}
template <>
double gram_norm_factor<double>(const GramKernels& kernels, const OuterShape& shape) {
  return factor_of<double>(kernels, shape);
}

}  // namespace detail

namespace {

template <class T>
std::size_t scratch_of(const OuterShape& shape) {
  const std::size_t positions =
      (shape.positions + detail::kGramRowsTogether - 1) / detail::kGramRowsTogether * detail::kGramRowsTogether;
  const std::size_t row = gram_row<T>(shape.left_columns) + gram_row<T>(shape.right_columns);
  return positions * (row * sizeof(T) + sizeof(double)) + detail::kGramLine;
}

}  // namespace

template <>
std::size_t gram_norm_scratch<float>(const OuterShape& shape) {
  return scratch_of<float>(shape);
}
template <>
std::size_t gram_norm_scratch<double>(const OuterShape& shape) {
  return scratch_of<double>(shape);
}

template <>
double gram_norm_factor<float>(const OuterShape& shape) {
  return detail::gram_norm_factor<float>(detail::supported_gram_kernels().front(), shape);
}
template <>
double gram_norm_factor<double>(const OuterShape& shape) {
  return detail::gram_norm_factor<double>(detail::supported_gram_kernels().front(), shape);
}

void gram_norms(const OuterShape& shape, const float* left, const float* right, void* scratch, double* computed,
                double* bound) {
  detail::supported_gram_kernels().front().norm_float(shape, left, right, detail::aligned(scratch, detail::kGramLine),
                                                      computed, bound);
}
void gram_norms(const OuterShape& shape, const double* left, const double* right, void* scratch, double* computed,
                double* bound) {
  detail::supported_gram_kernels().front().norm_double(shape, left, right, detail::aligned(scratch, detail::kGramLine),
                                                       computed, bound);
}

const char* gram_norms_instruction_set() {
  return detail::supported_gram_kernels().front().name;
}

}  // namespace sotto::kernels
