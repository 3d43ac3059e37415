#include <sotto/kernels/row_kernels.h>
#include <sotto/kernels/squared_norms.h>

#include <algorithm>
#include <array>
#include <vector>

namespace sotto::kernels {
namespace {

constexpr std::size_t kAccumulators = 32;   // independent sums, enough to hide the latency of the additions
constexpr std::size_t kColumnBlock = 2048;  // doubles of the partial sum, half a first-level cache
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

template <class T>
SOTTO_INLINE void weighted_block(const T* rows, std::size_t row_count, std::size_t width, std::size_t stride,
                                 const T* w, T* y) {
  alignas(64) double sum[kColumnBlock];
  std::fill(sum, sum + width, 0.0);
  std::array<std::size_t, kRowsTogether> chosen;
  std::size_t waiting = 0;
  for (std::size_t i = 0; i < row_count; ++i) {
    if (w[i] == T{0}) continue;
    chosen[waiting++] = i;
    if (waiting < kRowsTogether) continue;
    waiting = 0;
    const T* __restrict r0 = rows + chosen[0] * stride;
    const T* __restrict r1 = rows + chosen[1] * stride;
    const T* __restrict r2 = rows + chosen[2] * stride;
    const T* __restrict r3 = rows + chosen[3] * stride;
    const double w0 = w[chosen[0]], w1 = w[chosen[1]], w2 = w[chosen[2]], w3 = w[chosen[3]];
    for (std::size_t j = 0; j < width; ++j) sum[j] = (((sum[j] + w0 * r0[j]) + w1 * r1[j]) + w2 * r2[j]) + w3 * r3[j];
  }
  for (std::size_t k = 0; k < waiting; ++k) {
    const T* __restrict row = rows + chosen[k] * stride;
    const double weight = w[chosen[k]];
    for (std::size_t j = 0; j < width; ++j) sum[j] += weight * row[j];
  }
  for (std::size_t j = 0; j < width; ++j) y[j] += static_cast<T>(sum[j]);
}

template <class T>
SOTTO_INLINE void weighted_sum(const T* rows, std::size_t row_count, std::size_t columns, std::size_t stride,
                               const T* w, T* y) {
  for (std::size_t start = 0; start < columns; start += kColumnBlock)
    weighted_block(rows + start, row_count, std::min(kColumnBlock, columns - start), stride, w, y + start);
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
  std::vector<detail::RowKernels<T>> found;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw"))
    found.push_back({"avx512", squared_norms_avx512<T>, weighted_sum_avx512<T>});
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    found.push_back({"avx2", squared_norms_avx2<T>, weighted_sum_avx2<T>});
#endif
  found.push_back({"baseline", squared_norms_baseline<T>, weighted_sum_baseline<T>});
  return found;
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
