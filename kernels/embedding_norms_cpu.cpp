#include <sotto/kernels/instruction_sets.h>
#include <sotto/kernels/place_kernels.h>
#include <sotto/kernels/squared_norms.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

namespace sotto::kernels {
namespace {

using Place = std::uint32_t;
constexpr Place kNone = std::numeric_limits<Place>::max();

#define SOTTO_INLINE inline __attribute__((always_inline))

std::size_t slots_for(std::size_t positions) {
  return std::bit_ceil(2 * positions + 1);
}

// Of one record, in the caller's memory.
struct Scratch {
  double* row_norms;  // [rows] squared
  double* factors;    // [positions] of the rows of gradients that a row of the table adds up
  Place* next;        // [positions] the next position of the same token
  Place* last;        // [positions] of the token whose first position this is
  Place* first;       // [positions] first positions of the tokens, in order
  Place* rows;        // [positions] those rows
  Place* slots;       // hash table of first positions
  std::size_t slot_count;
};

std::size_t scratch_bytes(const EmbeddingShape& shape) {
  const std::size_t rows = shape.positions / shape.positions_per_row;
  return (rows + shape.positions + 1) * sizeof(double) +
         (4 * shape.positions + slots_for(shape.positions)) * sizeof(Place);
}

Scratch divide(const EmbeddingShape& shape, void* memory) {
  const auto past = reinterpret_cast<std::uintptr_t>(memory) % alignof(double);
  auto* doubles =
      reinterpret_cast<double*>(static_cast<unsigned char*>(memory) + (alignof(double) - past) % alignof(double));
  Scratch scratch{};
  scratch.row_norms = doubles;
  scratch.factors = scratch.row_norms + shape.positions / shape.positions_per_row;
  scratch.next = reinterpret_cast<Place*>(scratch.factors + shape.positions);
  scratch.last = scratch.next + shape.positions;
  scratch.first = scratch.last + shape.positions;
  scratch.rows = scratch.first + shape.positions;
  scratch.slots = scratch.rows + shape.positions;
  scratch.slot_count = slots_for(shape.positions);
  return scratch;
}

// Chains the positions of every token in order; returns the number of tokens.
std::size_t chain_equal_tokens(const std::int64_t* tokens, const EmbeddingShape& shape, const Scratch& scratch) {
  std::fill(scratch.slots, scratch.slots + scratch.slot_count, kNone);
  constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15;
  const int shift = 64 - std::countr_zero(scratch.slot_count);
  std::size_t distinct = 0;
  for (std::size_t t = 0; t < shape.positions; ++t) {
    const std::int64_t token = tokens[t];
    if (token == shape.padding && shape.padding >= 0) continue;
    const auto place = static_cast<Place>(t);
    scratch.next[t] = kNone;
    std::size_t slot = static_cast<std::uint64_t>(token) * kGolden >> shift;
    while (scratch.slots[slot] != kNone && tokens[scratch.slots[slot]] != token)
      slot = (slot + 1) & (scratch.slot_count - 1);
    const Place first = scratch.slots[slot];
    if (first == kNone) {
      scratch.slots[slot] = place;
      scratch.last[t] = place;
      scratch.first[distinct++] = place;
    } else {
      scratch.next[scratch.last[first]] = place;
      scratch.last[first] = place;
    }
  }
  return distinct;
}

constexpr std::size_t kLanes = 8;
using Doubles = double __attribute__((vector_size(kLanes * sizeof(double))));
template <class T>
struct ValuesOf;
template <>
struct ValuesOf<float> {
  using Type = float __attribute__((vector_size(kLanes * sizeof(float))));
};
template <>
struct ValuesOf<double> {
  using Type = Doubles;
};

// Of kVectors * kLanes columns of a row of the table: all sums are in registers.
template <std::size_t kVectors, class T>
SOTTO_INLINE double squared_sum(const T* gradient, std::size_t stride, const Scratch& scratch, std::size_t count) {
  Doubles sums[kVectors] = {};
  for (std::size_t k = 0; k < count; ++k) {
    const T* row = gradient + scratch.rows[k] * stride;
    const double factor = scratch.factors[k];
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kVectors; ++v) {
      typename ValuesOf<T>::Type values;
      __builtin_memcpy(&values, row + v * kLanes, sizeof values);
      sums[v] += factor * __builtin_convertvector(values, Doubles);
    }
  }
  Doubles squares = sums[0] * sums[0];
  for (std::size_t v = 1; v < kVectors; ++v) squares += sums[v] * sums[v];
  double square = 0;
  for (std::size_t lane = 0; lane < kLanes; ++lane) square += squares[lane];
  return square;
}

// Of one column.
template <class T>
SOTTO_INLINE double squared_sum(const T* gradient, std::size_t stride, const Scratch& scratch, std::size_t count) {
  double sum = 0;
  for (std::size_t k = 0; k < count; ++k)
    sum += scratch.factors[k] * static_cast<double>(gradient[scratch.rows[k] * stride]);
  return sum * sum;
}

template <class T>
SOTTO_INLINE void record_norm(const EmbeddingShape& shape, const std::int64_t* tokens, const T* scale,
                              const T* gradient, const Scratch& scratch, double& computed, double& bound) {
  const auto scale_of = [&](Place t) { return scale == nullptr ? 1.0 : static_cast<double>(scale[t]); };
  const auto row_of = [&](Place t) { return t / shape.positions_per_row; };
  const std::size_t rows = shape.positions / shape.positions_per_row;
  std::fill(scratch.row_norms, scratch.row_norms + rows, 0.0);
  add_row_squared_norms(gradient, rows, shape.columns, shape.gradient_row_stride, scratch.row_norms);

  computed = bound = 0;
  const std::size_t distinct = chain_equal_tokens(tokens, shape, scratch);
  for (std::size_t v = 0; v < distinct; ++v) {
    const Place first = scratch.first[v];
    bool one_row = true;  // what has one row of gradients alone needs its norm, no sum
    double factor = 0;
    for (Place t = first; t != kNone; t = scratch.next[t]) {
      one_row = one_row && row_of(t) == row_of(first);
      factor += scale_of(t);
      bound += std::abs(scale_of(t)) * std::sqrt(scratch.row_norms[row_of(t)]);
    }
    if (one_row) {
      computed += factor * factor * scratch.row_norms[row_of(first)];
      continue;
    }
    std::size_t count = 0;
    for (Place t = first; t != kNone; ++count) {
      const std::size_t row = row_of(t);
      double together = 0;
      for (; t != kNone && row_of(t) == row; t = scratch.next[t]) together += scale_of(t);
      scratch.rows[count] = static_cast<Place>(row);
      scratch.factors[count] = together;
    }
    std::size_t j = 0;
    for (; j + 4 * kLanes <= shape.columns; j += 4 * kLanes)
      computed += squared_sum<4>(gradient + j, shape.gradient_row_stride, scratch, count);
    for (; j + kLanes <= shape.columns; j += kLanes)
      computed += squared_sum<1>(gradient + j, shape.gradient_row_stride, scratch, count);
    for (; j < shape.columns; ++j) computed += squared_sum(gradient + j, shape.gradient_row_stride, scratch, count);
  }
}

template <class T>
SOTTO_INLINE void norms_of(const EmbeddingShape& shape, const std::int64_t* tokens, const T* scale, const T* gradient,
                           const Scratch& scratch, double* computed, double* bound) {
  for (std::size_t i = 0; i < shape.records; ++i)
    record_norm(shape, tokens + i * shape.token_record_stride,
                scale == nullptr ? nullptr : scale + i * shape.token_record_stride,
                gradient + i * shape.gradient_record_stride, scratch, computed[i], bound[i]);
}

// NOLINTBEGIN(bugprone-macro-parentheses): attributes cannot stand in parentheses.
#define SOTTO_DEFINE_KERNEL(suffix, attributes)                                                           \
  template <class T>                                                                                      \
  attributes void norms_##suffix(const EmbeddingShape& shape, const std::int64_t* tokens, const T* scale, \
                                 const T* gradient, void* scratch, double* computed, double* bound) {     \
    norms_of(shape, tokens, scale, gradient, divide(shape, scratch), computed, bound);                    \
  }

SOTTO_DEFINE_KERNEL(baseline, )
#if defined(__x86_64__)
SOTTO_DEFINE_KERNEL(avx2, __attribute__((target("avx2,fma"))))
SOTTO_DEFINE_KERNEL(avx512, __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw"))))
#endif
#undef SOTTO_DEFINE_KERNEL
// NOLINTEND(bugprone-macro-parentheses)

template <class T>
std::vector<detail::EmbeddingKernel<T>> find_supported() {
  const detail::EmbeddingKernel<T> baseline{"baseline", norms_baseline<T>};
#if defined(__x86_64__)
  const detail::EmbeddingKernel<T> avx2{"avx2", norms_avx2<T>}, avx512{"avx512", norms_avx512<T>};
  return detail::best_first(baseline, &avx2, &avx512);
#else
  return {baseline};
#endif
}

}  // namespace

namespace detail {

template <class T>
std::span<const EmbeddingKernel<T>> supported_embedding_kernels() {
  static const std::vector<EmbeddingKernel<T>> supported = find_supported<T>();
  return supported;
}
template std::span<const EmbeddingKernel<float>> supported_embedding_kernels();
template std::span<const EmbeddingKernel<double>> supported_embedding_kernels();

}  // namespace detail

void embedding_norms(const EmbeddingShape& shape, const std::int64_t* tokens, const float* scale, const float* gradient,
                     void* scratch, double* computed, double* bound) {
  detail::supported_embedding_kernels<float>().front().norms(shape, tokens, scale, gradient, scratch, computed, bound);
}
void embedding_norms(const EmbeddingShape& shape, const std::int64_t* tokens, const double* scale,
                     const double* gradient, void* scratch, double* computed, double* bound) {
  detail::supported_embedding_kernels<double>().front().norms(shape, tokens, scale, gradient, scratch, computed, bound);
}

std::size_t embedding_norm_scratch(const EmbeddingShape& shape) {
  return scratch_bytes(shape);
}

double embedding_norm_factor(const EmbeddingShape& shape) {
  constexpr double kUnit = std::numeric_limits<double>::epsilon() / 2;
  // Terms of a row of the table, products, the squares, the sums over columns and over tokens; the bound's roundings.
  const double k = 2 * static_cast<double>(shape.positions) + static_cast<double>(shape.columns) + 16;
  const double gamma = k * kUnit / (1 - k * kUnit);
  return 4 * gamma;
}

}  // namespace sotto::kernels
