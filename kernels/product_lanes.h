// The body of the CPU kernel of weighted_product.h, written with vectors of SOTTO_LANE_BYTES bytes and compiled once
// per instruction set. Not a public header: included only by weighted_product_{cpu,avx2,avx512}.cpp, hence no include
// guard.
//
// Everything here lives in an unnamed namespace and calls no inline function of another header: code compiled for
// AVX-512 must never be the copy that the linker keeps for a machine without it.
//
// Rows of the two factors are packed by chains: left as [p / kTaps, chain, kTaps], right as [d / width, chain, width].
// A register tile has kTaps columns of left, each in one broadcast, and one or two vectors of columns of right.

#include <sotto/kernels/product_kernels.h>

#include <cstddef>

namespace sotto::kernels {
namespace {

#define SOTTO_INLINE inline __attribute__((always_inline))

constexpr std::size_t kTaps = SOTTO_LANE_BYTES == 64 ? 8 : 4;  // 32 registers hold 16 sums, 16 hold 8
constexpr std::size_t kMostVectors = 2;
static_assert(kTaps <= detail::kProductTaps && kMostVectors * SOTTO_LANE_BYTES <= detail::kProductTileBytes);

template <class T>
struct VectorOfType;
template <>
struct VectorOfType<float> {
  using Type = float __attribute__((vector_size(SOTTO_LANE_BYTES)));
};
template <>
struct VectorOfType<double> {
  using Type = double __attribute__((vector_size(SOTTO_LANE_BYTES)));
};
template <class T>
using VectorOf = typename VectorOfType<T>::Type;
template <class T>
constexpr std::size_t kLanesOf = SOTTO_LANE_BYTES / sizeof(T);
template <class T>
constexpr std::size_t kWidth = kMostVectors* kLanesOf<T>;

// Rows between packed blocks: a power of two would put a row of all blocks into the same few lines of the cache.
constexpr std::size_t kPackedChain = detail::kProductPackedChain;

// to[(a / block) * count_of_block + row * block + a % block] = scale * from[a], and zeros up to a whole block.
template <std::size_t kBlock, class T>
SOTTO_INLINE void pack_row(const T* from, std::size_t columns, T scale, std::size_t row, T* to) {
  std::size_t a = 0;
  for (; a + kBlock <= columns; a += kBlock) {
    T* const block = to + a * kPackedChain + row * kBlock;
#pragma GCC unroll 4
    for (std::size_t k = 0; k < kBlock; ++k) block[k] = scale * from[a + k];
  }
  if (a == columns) return;
  T* const block = to + a * kPackedChain + row * kBlock;
  for (std::size_t k = 0; k < kBlock; ++k) block[k] = a + k < columns ? scale * from[a + k] : T{0};
}

// sum[k][b] += sum_t taps[t][k] lanes[t][b], for the first `rows` k and `columns` b.
template <std::size_t kVectors, class T>
SOTTO_INLINE void add_tile(const T* taps, const T* lanes, std::size_t count, std::size_t rows, std::size_t columns,
                           T* sum, std::size_t stride) {
  constexpr std::size_t kCount = kLanesOf<T>;
  VectorOf<T> sums[kTaps][kVectors] = {};
  for (std::size_t t = 0; t < count; ++t) {
    VectorOf<T> lane[kVectors];
#pragma GCC unroll 2
    for (std::size_t v = 0; v < kVectors; ++v)
      __builtin_memcpy(&lane[v], lanes + t * kWidth<T> + v * kCount, sizeof lane[v]);
#pragma GCC unroll 8
    for (std::size_t k = 0; k < kTaps; ++k)
#pragma GCC unroll 2
      for (std::size_t v = 0; v < kVectors; ++v) sums[k][v] += taps[t * kTaps + k] * lane[v];
  }
#pragma GCC unroll 8
  for (std::size_t k = 0; k < kTaps; ++k) {
    if (k >= rows) continue;
#pragma GCC unroll 2
    for (std::size_t v = 0; v < kVectors; ++v) {
      if (columns <= v * kCount) continue;
      T* const to = sum + k * stride + v * kCount;
      const std::size_t held = columns - v * kCount < kCount ? columns - v * kCount : kCount;
      VectorOf<T> before = {};
      if (held == kCount) {
        __builtin_memcpy(&before, to, sizeof before);
        before += sums[k][v];
        __builtin_memcpy(to, &before, sizeof before);
      } else {
        __builtin_memcpy(&before, to, held * sizeof(T));
        before += sums[k][v];
        __builtin_memcpy(to, &before, held * sizeof(T));
      }
    }
  }
}

template <class T>
void add_chain(const OuterShape& s, const T* lefts, const T* rights, std::size_t count, T* sum, std::size_t stride) {
  for (std::size_t b = 0; b < s.right_columns; b += kWidth<T>) {
    const std::size_t columns = s.right_columns - b < kWidth<T> ? s.right_columns - b : kWidth<T>;
    const T* const lanes = rights + b * kPackedChain;
    for (std::size_t a = 0; a < s.left_columns; a += kTaps) {
      const std::size_t rows = s.left_columns - a < kTaps ? s.left_columns - a : kTaps;
      const T* const taps = lefts + a * kPackedChain;
      T* const to = sum + a * stride + b;
      if (columns <= kLanesOf<T>) {
        add_tile<1>(taps, lanes, count, rows, columns, to, stride);
      } else {
        add_tile<2>(taps, lanes, count, rows, columns, to, stride);
      }
    }
  }
}

template <class T>
void weighted_product(const OuterShape& s, const T* left, const T* right, const T* left_scale, const T* right_scale,
                      T* sum, std::size_t stride, unsigned char* scratch) {
  T* const rights = reinterpret_cast<T*>(scratch);
  T* const lefts = rights + (s.right_columns + kWidth<T> - 1) / kWidth<T> * kWidth<T> * kPackedChain;
  std::size_t packed = 0;
  for (std::size_t i = 0; i < s.records; ++i) {
    if (left_scale[i] == 0 || right_scale[i] == 0) continue;
    for (std::size_t t = 0; t < s.positions; ++t) {
      pack_row<kTaps>(left + i * s.left_record_stride + t * s.left_position_stride, s.left_columns, left_scale[i],
                      packed, lefts);
      pack_row<kWidth<T>>(right + i * s.right_record_stride + t * s.right_position_stride, s.right_columns,
                          right_scale[i], packed, rights);
      if (++packed < kProductChain) continue;
      add_chain(s, lefts, rights, packed, sum, stride);
      packed = 0;
    }
  }
  if (packed > 0) add_chain(s, lefts, rights, packed, sum, stride);
}

#undef SOTTO_INLINE

constexpr detail::ProductKernels product_kernels(const char* name) {
  return {name, weighted_product<float>, weighted_product<double>};
}

}  // namespace
}  // namespace sotto::kernels
