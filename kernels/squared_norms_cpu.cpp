#include <sotto/kernels/instruction_sets.h>
#include <sotto/kernels/row_kernels.h>
#include <sotto/kernels/squared_norms.h>

#include <algorithm>
#include <vector>

namespace sotto::kernels {
namespace {

constexpr std::size_t kAccumulators = 32;   // independent sums, enough to hide the latency of the additions
constexpr std::size_t kColumnBlock = 1024;  // doubles of the partial sum: with eight rows, half a first-level cache
constexpr std::size_t kRowsTogether = 4;    // rows per pass over the partial sum

#define SOTTO_INLINE inline __attribute__((always_inline))

template <class T>
SOTTO_INLINE double squared_norm(const T* row, std::size_t columns) {
  double sum[kAccumulators] = {};
  std::size_t j = 0;
  for (; j + kAccumulators <= columns; j += kAccumulators)
    for (std::size_t k = 0; k < kAccumulators; ++k) {
      const double x = row[j + k];
      sum[k] += x * x;
    }
  for (std::size_t k = 0; j + k < columns; ++k) {
    const double x = row[j + k];
    sum[k] += x * x;
  }
  for (std::size_t half = kAccumulators / 2; half > 0; half /= 2)
    for (std::size_t k = 0; k < half; ++k) sum[k] += sum[k + half];
  return sum[0];
}

template <class T>
SOTTO_INLINE void squared_norms(const T* rows, std::size_t row_count, std::size_t columns, std::size_t stride,
                                double* out) {
  for (std::size_t i = 0; i < row_count; ++i) out[i] += squared_norm(rows + i * stride, columns);
}

// Rows of one pass over the partial sum.
template <class T>
struct Rows {
  const T* row[kRowsTogether];
  double weight[kRowsTogether];
  std::size_t count = 0;
};

// The next rows whose weight is not 0, from row i on.
template <class T>
SOTTO_INLINE Rows<T> next_rows(const T* rows, std::size_t row_count, std::size_t stride, const T* w, std::size_t& i) {
  Rows<T> chosen;
  for (; i < row_count && chosen.count < kRowsTogether; ++i) {
    if (w[i] == T{0}) continue;
    chosen.row[chosen.count] = rows + i * stride;
    chosen.weight[chosen.count++] = w[i];
  }
  return chosen;
}

template <class T>
SOTTO_INLINE void weighted_block(const T* rows, std::size_t row_count, std::size_t width, bool last, std::size_t stride,
                                 const T* w, T* y) {
  constexpr std::size_t kLine = 64 / sizeof(T);
  alignas(64) double sum[kColumnBlock];
  std::fill(sum, sum + width, 0.0);
  std::size_t i = 0;
  const Rows<T> first = next_rows(rows, row_count, stride, w, i);
  Rows<T> now = first;
  while (now.count > 0) {
    const Rows<T> next = next_rows(rows, row_count, stride, w, i);
    // What is fetched meanwhile: the next rows, or the first ones of the next block of columns.
    const Rows<T>& ahead = next.count > 0 || last ? next : first;
    const std::size_t beyond = next.count > 0 || last ? 0 : width;
    std::size_t j = 0;
    if (now.count == kRowsTogether) {
      const T* __restrict r0 = now.row[0];
      const T* __restrict r1 = now.row[1];
      const T* __restrict r2 = now.row[2];
      const T* __restrict r3 = now.row[3];
      const double w0 = now.weight[0], w1 = now.weight[1], w2 = now.weight[2], w3 = now.weight[3];
      for (; j + kLine <= width; j += kLine) {
        for (std::size_t k = 0; k < ahead.count; ++k) __builtin_prefetch(ahead.row[k] + beyond + j);
        for (std::size_t k = j; k < j + kLine; ++k)
          sum[k] = (((sum[k] + w0 * r0[k]) + w1 * r1[k]) + w2 * r2[k]) + w3 * r3[k];
      }
    }
    for (std::size_t k = 0; k < now.count; ++k) {
      const T* __restrict row = now.row[k];
      for (std::size_t column = j; column < width; ++column) sum[column] += now.weight[k] * row[column];
    }
    now = next;
  }
  for (std::size_t j = 0; j < width; ++j) y[j] += static_cast<T>(sum[j]);
}

template <class T>
SOTTO_INLINE void weighted_sum(const T* rows, std::size_t row_count, std::size_t columns, std::size_t stride,
                               const T* w, T* y) {
  for (std::size_t start = 0; start < columns; start += kColumnBlock) {
    const std::size_t width = std::min(kColumnBlock, columns - start);
    weighted_block(rows + start, row_count, width, start + 2 * kColumnBlock > columns, stride, w, y + start);
  }
}

// The bodies above are compiled once per instruction set by inlining them into functions with that target. A plain
// table made at first use instead of target_clones: sanitizers cannot run the resolvers that those need.
// NOLINTBEGIN(bugprone-macro-parentheses): attributes cannot stand in parentheses.
#define SOTTO_DEFINE_KERNELS(suffix, attributes)                                                                       \
  template <class T>                                                                                                   \
  attributes void squared_norms_##suffix(const T* rows, std::size_t row_count, std::size_t columns,                    \
                                         std::size_t stride, double* out) {                                            \
    squared_norms(rows, row_count, columns, stride, out);                                                              \
  }                                                                                                                    \
  template <class T>                                                                                                   \
  attributes void weighted_sum_##suffix(const T* rows, std::size_t row_count, std::size_t columns, std::size_t stride, \
                                        const T* w, T* y) {                                                            \
    weighted_sum(rows, row_count, columns, stride, w, y);                                                              \
  }

SOTTO_DEFINE_KERNELS(baseline, )
#if defined(__x86_64__)
SOTTO_DEFINE_KERNELS(avx2, __attribute__((target("avx2,fma"))))
SOTTO_DEFINE_KERNELS(avx512, __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw"))))
#endif
#undef SOTTO_DEFINE_KERNELS
// NOLINTEND(bugprone-macro-parentheses)

template <class T>
std::vector<detail::RowKernels<T>> find_supported() {
  const detail::RowKernels<T> baseline{"baseline", squared_norms_baseline<T>, weighted_sum_baseline<T>};
#if defined(__x86_64__)
  const detail::RowKernels<T> avx2{"avx2", squared_norms_avx2<T>, weighted_sum_avx2<T>},
      avx512{"avx512", squared_norms_avx512<T>, weighted_sum_avx512<T>};
  return detail::best_first(baseline, &avx2, &avx512);
#else
  return {baseline};
#endif
}

template <class T>
const detail::RowKernels<T>& kernels() {
  static const detail::RowKernels<T> chosen = detail::supported_row_kernels<T>().front();
  return chosen;
}

}  // namespace

namespace detail {

template <class T>
std::span<const RowKernels<T>> supported_row_kernels() {
  static const std::vector<RowKernels<T>> supported = find_supported<T>();
  return supported;
}
template std::span<const RowKernels<float>> supported_row_kernels();
template std::span<const RowKernels<double>> supported_row_kernels();

}  // namespace detail

void add_row_squared_norms(const float* rows, std::size_t row_count, std::size_t columns, std::size_t stride,
                           double* out) {
  kernels<float>().squared_norms(rows, row_count, columns, stride, out);
}
void add_row_squared_norms(const double* rows, std::size_t row_count, std::size_t columns, std::size_t stride,
                           double* out) {
  kernels<double>().squared_norms(rows, row_count, columns, stride, out);
}
void add_weighted_row_sum(const float* rows, std::size_t row_count, std::size_t columns, std::size_t stride,
                          const float* w, float* y) {
  kernels<float>().weighted_sum(rows, row_count, columns, stride, w, y);
}
void add_weighted_row_sum(const double* rows, std::size_t row_count, std::size_t columns, std::size_t stride,
                          const double* w, double* y) {
  kernels<double>().weighted_sum(rows, row_count, columns, stride, w, y);
}

}  // namespace sotto::kernels
