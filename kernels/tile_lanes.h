// The body of the CPU kernels of tile_norms.h and convolution_norms.h, written with vectors of SOTTO_LANE_BYTES bytes
// and compiled once per instruction set. Not a public header: included only by tile_norms_{cpu,avx2,avx512}.cpp, hence
// no include guard.
//
// Everything here lives in an unnamed namespace and calls no inline function of another header: code compiled for
// AVX-512 must never be the copy that the linker keeps for a machine without it.
//
// Both are sums over places t of tap[t, k] lane[t, b]: a register tile has kTaps values of k, each in one broadcast,
// and one or two vectors of b. Taps are read where they lie, one pointer each; lanes are packed.

#include <sotto/kernels/tile_kernels.h>

#include <cstddef>
#include <cstdint>

namespace sotto::kernels {
namespace {

#define SOTTO_INLINE inline __attribute__((always_inline))

// 32 registers hold 16 sums, 16 hold 8.
constexpr int kTaps = SOTTO_LANE_BYTES == 64 ? 8 : 4;
constexpr int kMostVectors = 2;
static_assert(kTaps <= detail::kMostTaps && std::size_t{kMostVectors} * SOTTO_LANE_BYTES <= detail::kMostTileBytes);

using Reals = double __attribute__((vector_size(SOTTO_LANE_BYTES)));
template <class T>
struct LanesOf;
template <>
struct LanesOf<float> {
  using Vector = float __attribute__((vector_size(SOTTO_LANE_BYTES)));
  using Half = float __attribute__((vector_size(SOTTO_LANE_BYTES / 2)));
};
template <>
struct LanesOf<double> {
  using Vector = Reals;
};
template <class T>
using VectorOf = typename LanesOf<T>::Vector;
template <class T>
constexpr std::size_t kLanesOf = SOTTO_LANE_BYTES / sizeof(T);

template <int... kIndex>
struct Indices {};
template <int kCount, int... kIndex>
struct CountTo : CountTo<kCount - 1, kCount - 1, kIndex...> {};
template <int... kIndex>
struct CountTo<0, kIndex...> {
  using Type = Indices<kIndex...>;
};

SOTTO_INLINE void add_squares(Reals values, Reals& sum) {
  sum += values * values;
}
template <int... i>
SOTTO_INLINE void add_halves(LanesOf<float>::Vector values, Reals& sum, Indices<i...>) {
  constexpr int kCount = sizeof...(i);
  LanesOf<float>::Half low = __builtin_shufflevector(values, values, i...);
  LanesOf<float>::Half high = __builtin_shufflevector(values, values, (kCount + i)...);
  add_squares(__builtin_convertvector(low, Reals), sum);
  add_squares(__builtin_convertvector(high, Reals), sum);
}
SOTTO_INLINE void add_squares(LanesOf<float>::Vector values, Reals& sum) {
  add_halves(values, sum, CountTo<SOTTO_LANE_BYTES / 8>::Type{});
}

// Swaps bit h of the number of a vector with that of the lane, for all bits: the transposed matrix.
template <int h, class V, int n, int... i>
SOTTO_INLINE void transpose(V (&rows)[n], Indices<i...> all) {
  if constexpr (h > 0) {
#pragma GCC unroll 16
    for (int r = 0; r < n; ++r) {
      if ((r & h) != 0) continue;
      const V a = rows[r], b = rows[r + h];
      rows[r] = __builtin_shufflevector(a, b, ((i & h) == 0 ? i : n + i - h)...);
      rows[r + h] = __builtin_shufflevector(a, b, ((i & h) == 0 ? i + h : n + i)...);
    }
    transpose<h / 2>(rows, all);
  }
}

// to[t * width + o] = from[o * count + t] for o < outputs and zeros up to width; width is one vector or two.
template <class T>
SOTTO_INLINE void pack_transposed(const T* from, std::size_t outputs, std::size_t count, std::size_t width, T* to) {
  constexpr std::size_t kCount = kLanesOf<T>;
  for (std::size_t first = 0; first < width; first += kCount)
    for (std::size_t begin = 0; begin < count; begin += kCount) {
      const std::size_t places = count - begin < kCount ? count - begin : kCount;
      const std::size_t held = outputs < first ? 0 : outputs - first < kCount ? outputs - first : kCount;
      VectorOf<T> rows[kCount] = {};
      if (held == kCount && places == kCount) {
#pragma GCC unroll 16
        for (std::size_t o = 0; o < kCount; ++o)
          __builtin_memcpy(&rows[o], from + (first + o) * count + begin, sizeof rows[o]);
      } else {
        for (std::size_t o = 0; o < held; ++o)
          __builtin_memcpy(&rows[o], from + (first + o) * count + begin, places * sizeof(T));
      }
      transpose<static_cast<int>(kCount / 2)>(rows, typename CountTo<static_cast<int>(kCount)>::Type{});
      for (std::size_t t = 0; t < places; ++t)
        __builtin_memcpy(to + (begin + t) * width + first, &rows[t], sizeof rows[t]);
    }
}

// Where the taps of a place are, after the pointers of the taps: a table, or equal steps.
struct Offsets {
  const std::uint32_t* table;
  SOTTO_INLINE std::size_t operator()(std::size_t t) const { return table[t]; }
};
struct Steps {
  SOTTO_INLINE std::size_t operator()(std::size_t t) const { return t * kTaps; }
};

// One register tile: its squares are added to `squares`, and it is stored unless `kept` is null: taps `row` elements
// apart, the first `columns` lanes.
template <int kVectors, class T, class Where>
SOTTO_INLINE void tile(const T* const* taps, std::size_t valid_taps, const Where& where, std::size_t count,
                       const T* lanes, std::size_t columns, T* kept, std::size_t row, Reals& squares) {
  constexpr std::size_t kCount = kLanesOf<T>;
  VectorOf<T> sums[kTaps][kVectors] = {};
  const T* tap[kTaps];
#pragma GCC unroll 8
  for (int k = 0; k < kTaps; ++k) tap[k] = taps[k];
  for (std::size_t t = 0; t < count; ++t) {
    VectorOf<T> lane[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) __builtin_memcpy(&lane[v], lanes + (t * kVectors + v) * kCount, sizeof lane[v]);
    const std::size_t at = where(t);
#pragma GCC unroll 8
    for (int k = 0; k < kTaps; ++k)
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) sums[k][v] += tap[k][at] * lane[v];
  }
#pragma GCC unroll 8
  for (int k = 0; k < kTaps; ++k) {
    if (static_cast<std::size_t>(k) >= valid_taps) continue;
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      add_squares(sums[k][v], squares);
      if (kept == nullptr) continue;
      T* to = kept + static_cast<std::size_t>(k) * row + v * kCount;
      if (columns >= (v + 1) * kCount) {
        __builtin_memcpy(to, &sums[k][v], sizeof sums[k][v]);
      } else if (columns > v * kCount) {
        __builtin_memcpy(to, &sums[k][v], (columns - v * kCount) * sizeof(T));
      }
    }
  }
}

SOTTO_INLINE double sum_of(Reals lanes) {
  double sum = 0;
  for (std::size_t k = 0; k < kLanesOf<double>; ++k) sum += lanes[k];
  return sum;
}

template <class T>
SOTTO_INLINE std::size_t width_for(std::size_t columns) {
  return columns > kLanesOf<T> ? kMostVectors * kLanesOf<T> : kLanesOf<T>;
}

template <class T>
void outer_norms(const OuterShape& shape, const T* left, const T* right, T* kept, std::size_t kept_stride,
                 unsigned char* scratch, double* computed) {
  const std::size_t positions = shape.positions, p = shape.left_columns, d = shape.right_columns;
  T* const panel = reinterpret_cast<T*>(scratch);                    // [T, width] of right
  T* const blocks = panel + positions * kMostVectors * kLanesOf<T>;  // [p / kTaps, T, kTaps] of left
  for (std::size_t i = 0; i < shape.records; ++i) {
    const T* l = left + i * shape.left_record_stride;
    const T* r = right + i * shape.right_record_stride;
    T* const rows = kept == nullptr ? nullptr : kept + i * kept_stride;
    for (std::size_t t = 0; t < positions; ++t)
      for (std::size_t a = 0; a < p; ++a)
        blocks[(a / kTaps * positions + t) * kTaps + a % kTaps] = l[t * shape.left_position_stride + a];
    Reals squares = {};
    for (std::size_t b = 0; b < d;) {
      const std::size_t width = width_for<T>(d - b);
      const std::size_t columns = d - b < width ? d - b : width;
      for (std::size_t t = 0; t < positions; ++t) {
        const T* from = r + t * shape.right_position_stride + b;
        for (std::size_t j = 0; j < columns; ++j) panel[t * width + j] = from[j];
        for (std::size_t j = columns; j < width; ++j) panel[t * width + j] = 0;
      }
      for (std::size_t a = 0; a < p; a += kTaps) {
        const std::size_t valid = p - a < kTaps ? p - a : kTaps;
        const T* taps[kTaps];
        for (std::size_t k = 0; k < kTaps; ++k) taps[k] = blocks + a * positions + (k < valid ? k : 0);
        T* const to = rows == nullptr ? nullptr : rows + a * d + b;
        if (width == kLanesOf<T>) {
          tile<1>(taps, valid, Steps{}, positions, panel, columns, to, d, squares);
        } else {
          tile<2>(taps, valid, Steps{}, positions, panel, columns, to, d, squares);
        }
      }
      b += columns;
    }
    computed[i] = sum_of(squares);
  }
}

// The images of a record with their padding; what is beyond the last patch is left away with it.
template <class T>
SOTTO_INLINE void pad(const ConvolutionShape& s, const T* from, T* to) {
  const std::size_t row = s.width + 2 * s.padding_x, rows = s.height + 2 * s.padding_y;
  for (std::size_t plane = 0; plane < s.images * s.channels; ++plane, to += row * rows, from += s.height * s.width) {
    for (std::size_t k = 0; k < s.padding_y * row; ++k) to[k] = 0;
    for (std::size_t y = 0; y < s.height; ++y) {
      T* line = to + (y + s.padding_y) * row;
      for (std::size_t x = 0; x < s.padding_x; ++x) line[x] = line[row - 1 - x] = 0;
      for (std::size_t x = 0; x < s.width; ++x) line[s.padding_x + x] = from[y * s.width + x];
    }
    for (std::size_t k = (rows - s.padding_y) * row; k < rows * row; ++k) to[k] = 0;
  }
}

template <class T>
void convolution_norms_of(const ConvolutionShape& s, const T* image, const T* gradient, T* kept,
                          std::size_t kept_stride, unsigned char* scratch, double* computed) {
  const std::size_t row = s.width + 2 * s.padding_x, plane = row * (s.height + 2 * s.padding_y);
  const std::size_t places = s.out_height * s.out_width, count = s.images * places;
  const std::size_t inputs = s.channels / s.groups, outputs = s.outputs / s.groups;
  const std::size_t taps = inputs * s.kernel_height * s.kernel_width;
  T* const panel = reinterpret_cast<T*>(scratch);                // [images, places, width]
  T* const padded = panel + count * kMostVectors * kLanesOf<T>;  // [images, channels, rows, row]
  auto* const place_at = reinterpret_cast<std::uint32_t*>(padded + s.images * s.channels * plane);
  auto* const tap_at = place_at + count;

  auto* next = place_at;
  for (std::size_t m = 0; m < s.images; ++m)
    for (std::size_t u = 0; u < s.out_height; ++u)
      for (std::size_t v = 0; v < s.out_width; ++v)
        *next++ = static_cast<std::uint32_t>(m * s.channels * plane + u * s.stride_y * row + v * s.stride_x);
  for (std::size_t c = 0; c < inputs; ++c)
    for (std::size_t y = 0; y < s.kernel_height; ++y)
      for (std::size_t x = 0; x < s.kernel_width; ++x)
        *next++ = static_cast<std::uint32_t>(c * plane + y * s.dilation_y * row + x * s.dilation_x);

  for (std::size_t i = 0; i < s.records; ++i) {
    pad(s, image + i * s.image_record_stride, padded);
    Reals squares = {};
    for (std::size_t g = 0; g < s.groups; ++g) {
      T* const of_group = kept == nullptr ? nullptr : kept + i * kept_stride + g * taps * outputs;
      for (std::size_t o = 0; o < outputs;) {
        const std::size_t width = width_for<T>(outputs - o);
        const std::size_t columns = outputs - o < width ? outputs - o : width;
        for (std::size_t m = 0; m < s.images; ++m)
          pack_transposed(gradient + i * s.gradient_record_stride + (m * s.outputs + g * outputs + o) * places, columns,
                          places, width, panel + m * places * width);
        for (std::size_t k = 0; k < taps; k += kTaps) {
          const std::size_t valid = taps - k < kTaps ? taps - k : kTaps;
          const T* pointers[kTaps];
          for (std::size_t j = 0; j < kTaps; ++j)
            pointers[j] = padded + g * inputs * plane + tap_at[k + (j < valid ? j : 0)];
          T* const to = of_group == nullptr ? nullptr : of_group + k * outputs + o;
          if (width == kLanesOf<T>) {
            tile<1>(pointers, valid, Offsets{place_at}, count, panel, columns, to, outputs, squares);
          } else {
            tile<2>(pointers, valid, Offsets{place_at}, count, panel, columns, to, outputs, squares);
          }
        }
        o += columns;
      }
    }
    computed[i] = sum_of(squares);
  }
}

#undef SOTTO_INLINE

constexpr detail::TileKernels tile_kernels(const char* name) {
  return {name, outer_norms<float>, outer_norms<double>, convolution_norms_of<float>, convolution_norms_of<double>};
}

}  // namespace
}  // namespace sotto::kernels
