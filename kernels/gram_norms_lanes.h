// The body of the CPU Gram kernel, written with vectors of SOTTO_LANE_BYTES bytes and compiled once per instruction
// set. Not a public header: included only by gram_norms_{cpu,avx2,avx512}.cpp, hence no include guard.
//
// Everything here lives in an unnamed namespace and calls no inline function of another header: code compiled for
// AVX-512 must never be the copy that the linker keeps for a machine without it.

#include <sotto/kernels/gram_kernels.h>

#include <cstddef>
#include <cstdint>

namespace sotto::kernels {
namespace {

#define SOTTO_INLINE inline __attribute__((always_inline))

// Rows of a register tile on the side of t; on that of s there are kColumns. 32 registers hold 16 sums, 16 hold 8.
constexpr int kRows = SOTTO_LANE_BYTES == 64 ? 4 : 2;
constexpr int kColumns = 4;
constexpr int kPairs = kRows * kColumns;
constexpr std::size_t kFirstLevelBytes = 32 << 10;  // of the rows on the side of s that are kept in the cache

template <class T>
struct LanesOf;
template <>
struct LanesOf<float> {
  using Vector = float __attribute__((vector_size(SOTTO_LANE_BYTES)));
  using Bits = std::uint32_t;
  static constexpr int kMantissa = 23, kBias = 126, kLargest = 126;
};
template <>
struct LanesOf<double> {
  using Vector = double __attribute__((vector_size(SOTTO_LANE_BYTES)));
  using Bits = std::uint64_t;
  static constexpr int kMantissa = 52, kBias = 1022, kLargest = 1022;
};
template <class T>
using VectorOf = typename LanesOf<T>::Vector;
template <class T>
constexpr int kLanesOf = SOTTO_LANE_BYTES / sizeof(T);

// Elements of T of a row in scratch.
template <class T>
constexpr std::size_t gram_row(std::size_t columns) {
  return ((columns * sizeof(T) + detail::kGramLine - 1) / detail::kGramLine | 1U) * detail::kGramLine / sizeof(T);
}

template <class T>
SOTTO_INLINE VectorOf<T> load(const T* at) {
  VectorOf<T> vector;
  __builtin_memcpy(&vector, at, sizeof vector);
  return vector;
}

template <int... kIndex>
struct Indices {};
template <int kCount, int... kIndex>
struct CountTo : CountTo<kCount - 1, kCount - 1, kIndex...> {};
template <int... kIndex>
struct CountTo<0, kIndex...> {
  using Type = Indices<kIndex...>;
};

// Lane i: a[i] + a[i + h] where bit h of i is 0, b[i - h] + b[i] where it is 1.
template <int h, class V, int... i>
SOTTO_INLINE V add_halves(V a, V b, Indices<i...>) {
  constexpr int kCount = sizeof...(i);
  return __builtin_shufflevector(a, b, ((i & h) == 0 ? i : kCount + i - h)...) +
         __builtin_shufflevector(a, b, ((i & h) == 0 ? i + h : kCount + i)...);
}

// From n vectors of n lanes the vector whose lane i is the sum of the lanes of vector i.
template <int h, class V, int n>
SOTTO_INLINE void add_lanes(V (&vectors)[n]) {
  if constexpr (h > 0) {
#pragma GCC unroll 16
    for (int i = 0; i < h; ++i)
      vectors[i] =
          add_halves<h>(vectors[i], vectors[i + h], typename CountTo<sizeof(V) / sizeof(vectors[0][0])>::Type{});
    add_lanes<h / 2>(vectors);
  }
}

// dots[r * kColumns + c] = <row r at t, row c at s>.
template <class T>
SOTTO_INLINE void dot_products(const T* t, const T* s, std::size_t row, std::size_t columns, double* dots) {
  constexpr int kCount = kLanesOf<T>;
  constexpr std::size_t kChunk = detail::kGramChain * kCount;
  for (int pair = 0; pair < kPairs; ++pair) dots[pair] = 0;
  for (std::size_t begin = 0; begin < columns; begin += kChunk) {
    const std::size_t end = columns - begin < kChunk ? columns : begin + kChunk;
    VectorOf<T> sums[kPairs < kCount ? kCount : kPairs] = {};
    for (std::size_t k = begin; k < end; k += kCount) {
      VectorOf<T> right[kColumns];
#pragma GCC unroll 4
      for (int c = 0; c < kColumns; ++c) right[c] = load(s + c * row + k);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const VectorOf<T> left = load(t + r * row + k);
#pragma GCC unroll 4
        for (int c = 0; c < kColumns; ++c) sums[r * kColumns + c] += left * right[c];
      }
    }
#pragma GCC unroll 16
    for (int first = 0; first < kPairs; first += kCount) {
      VectorOf<T> group[kCount];
#pragma GCC unroll 16
      for (int i = 0; i < kCount; ++i) group[i] = sums[first + i];
      add_lanes<kCount / 2>(group);
#pragma GCC unroll 16
      for (int i = 0; i < kCount; ++i)
        if (first + i < kPairs) dots[first + i] += static_cast<double>(group[0][i]);
    }
  }
}

// `to` becomes the row times 2^-exponent, filled up with zeros; returns the exponent. The norm is that of `to`.
template <class T>
SOTTO_INLINE int scale_row(const T* from, std::size_t columns, std::size_t row, T* to, double& squared_norm) {
  using Lanes = LanesOf<T>;
  using Bits = typename Lanes::Bits;
  Bits largest = 0;  // absolute values compare like their bits, NaN largest
  for (std::size_t j = 0; j < columns; ++j) {
    Bits bits;
    __builtin_memcpy(&bits, from + j, sizeof bits);
    bits &= ~Bits{0} >> 1U;
    largest = bits > largest ? bits : largest;
  }
  int exponent = static_cast<int>(largest >> Lanes::kMantissa) - Lanes::kBias;
  exponent = exponent > Lanes::kLargest ? Lanes::kLargest : exponent < -Lanes::kLargest ? -Lanes::kLargest : exponent;
  const Bits scale_bits = static_cast<Bits>(Lanes::kBias + 1 - exponent) << Lanes::kMantissa;
  T scale;
  __builtin_memcpy(&scale, &scale_bits, sizeof scale);
  constexpr int kSums = 16;
  double sums[kSums] = {};
  std::size_t j = 0;
  for (; j + kSums <= columns; j += kSums)
    for (int k = 0; k < kSums; ++k) {
      to[j + k] = from[j + k] * scale;
      const double x = to[j + k];
      sums[k] += x * x;
    }
  for (; j < columns; ++j) {
    to[j] = from[j] * scale;
    const double x = to[j];
    sums[0] += x * x;
  }
  for (; j < row; ++j) to[j] = 0;
  squared_norm = 0;
  for (const double sum : sums) squared_norm += sum;
  return exponent;
}

// 2^e as a double; infinity or 0 where there is none.
SOTTO_INLINE double power_of_two(int e) {
  return __builtin_ldexp(1.0, e);
}

template <class T>
void gram_norm(const OuterShape& shape, const T* left, const T* right, unsigned char* scratch, double* computed,
               double* bound) {
  constexpr std::size_t kTogether = detail::kGramRowsTogether;
  static_assert(kTogether % kRows == 0 && kTogether == kColumns);
  const std::size_t positions = (shape.positions + kTogether - 1) / kTogether * kTogether;
  const std::size_t left_row = gram_row<T>(shape.left_columns);
  const std::size_t right_row = gram_row<T>(shape.right_columns);
  T* const lefts = reinterpret_cast<T*>(scratch);
  T* const rights = lefts + positions * left_row;
  double* const scales = reinterpret_cast<double*>(rights + positions * right_row);

  double norms = 0;
  for (std::size_t t = 0; t < shape.positions; ++t) {
    double of_left, of_right;
    const int exponent =
        scale_row(left + t * shape.left_position_stride, shape.left_columns, left_row, lefts + t * left_row, of_left) +
        scale_row(right + t * shape.right_position_stride, shape.right_columns, right_row, rights + t * right_row,
                  of_right);
    scales[t] = power_of_two(exponent);
    norms += __builtin_sqrt(of_left) * __builtin_sqrt(of_right) * scales[t];
  }
  for (std::size_t k = shape.positions * left_row; k < positions * left_row; ++k) lefts[k] = 0;
  for (std::size_t k = shape.positions * right_row; k < positions * right_row; ++k) rights[k] = 0;
  for (std::size_t t = shape.positions; t < positions; ++t) scales[t] = 0;

  double twice[kPairs] = {};  // pairs s < t, which count twice
  double diagonal = 0;
  const std::size_t fitting = kFirstLevelBytes / ((left_row + right_row) * sizeof(T)) / kTogether * kTogether;
  const std::size_t step = fitting < kTogether ? kTogether : fitting;
  for (std::size_t first = 0; first < positions; first += step) {
    const std::size_t last = positions - first < step ? positions : first + step;
    for (std::size_t t = first; t < positions; t += kRows) {
      const std::size_t end = t + kRows < last ? t + kRows : last;
      for (std::size_t s = first; s < end; s += kColumns) {
        double of_left[kPairs], of_right[kPairs];
        dot_products(lefts + t * left_row, lefts + s * left_row, left_row, shape.left_columns, of_left);
        dot_products(rights + t * right_row, rights + s * right_row, right_row, shape.right_columns, of_right);
        if (s + kColumns <= t) {
          for (int r = 0; r < kRows; ++r)
            for (int c = 0; c < kColumns; ++c) {
              const int pair = r * kColumns + c;
              twice[pair] += of_left[pair] * of_right[pair] * (scales[t + r] * scales[s + c]);
            }
        } else {
          for (int r = 0; r < kRows; ++r)
            for (int c = 0; c < kColumns; ++c) {
              const int pair = r * kColumns + c;
              const double term = of_left[pair] * of_right[pair] * (scales[t + r] * scales[s + c]);
              if (s + c < t + r) twice[pair] += term;
              if (s + c == t + r) diagonal += term;
            }
        }
      }
    }
  }
  double sum = 0;
  for (const double pairs : twice) sum += pairs;
  *computed = diagonal + 2 * sum;
  *bound = norms;
}

template <class T>
void gram_norms_of(const OuterShape& shape, const T* left, const T* right, unsigned char* scratch, double* computed,
                   double* bound) {
  for (std::size_t i = 0; i < shape.records; ++i)
    gram_norm(shape, left + i * shape.left_record_stride, right + i * shape.right_record_stride, scratch, computed + i,
              bound + i);
}

#undef SOTTO_INLINE

constexpr detail::GramKernels gram_kernels(const char* name) {
  return {name, SOTTO_LANE_BYTES, gram_norms_of<float>, gram_norms_of<double>};
}

}  // namespace
}  // namespace sotto::kernels
