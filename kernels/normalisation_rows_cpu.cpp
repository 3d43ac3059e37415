#include <sotto/kernels/instruction_sets.h>
#include <sotto/kernels/place_kernels.h>

#include <algorithm>
#include <vector>

namespace sotto::kernels {
namespace {

#define SOTTO_INLINE inline __attribute__((always_inline))

constexpr std::size_t kColumns = 512;      // channels of the sums of a block, in the first-level cache
constexpr std::size_t kAccumulators = 32;  // independent sums along inner places

template <class T>
struct Inputs {
  const T* input;
  const T* mean;
  const T* reciprocal_deviation;
  const T* gradient;
};

// inner = 1: places are rows, and channels are side by side.
template <bool kScale, class T>
SOTTO_INLINE void sum_rows(const NormalisationShape& shape, const Inputs<T>& of, T* scale, T* shift) {
  for (std::size_t first = 0; first < shape.channels; first += kColumns) {
    const std::size_t width = std::min(kColumns, shape.channels - first);
    double scales[kColumns] = {}, shifts[kColumns] = {};
    for (std::size_t begin = 0; begin < shape.outer; begin += kNormalisationChain) {
      const std::size_t end = std::min(begin + kNormalisationChain, shape.outer);
      T scale_chain[kColumns] = {}, shift_chain[kColumns] = {};
      for (std::size_t o = begin; o < end; ++o) {
        const T* __restrict g = of.gradient + o * shape.channels + first;
        for (std::size_t c = 0; c < width; ++c) shift_chain[c] += g[c];
        if constexpr (kScale) {
          const T* __restrict x = of.input + o * shape.channels + first;
          const std::size_t at = o * shape.statistic_outer_stride;
          if (shape.channels_per_statistic >= shape.channels) {
            const T mean = of.mean[at], deviation = of.reciprocal_deviation[at];
            for (std::size_t c = 0; c < width; ++c) scale_chain[c] += g[c] * ((x[c] - mean) * deviation);
          } else {
            for (std::size_t c = 0; c < width; ++c) {
              const std::size_t statistic = at + (first + c) / shape.channels_per_statistic;
              scale_chain[c] += g[c] * ((x[c] - of.mean[statistic]) * of.reciprocal_deviation[statistic]);
            }
          }
        }
      }
      for (std::size_t c = 0; c < width; ++c) shifts[c] += static_cast<double>(shift_chain[c]);
      if constexpr (kScale)
        for (std::size_t c = 0; c < width; ++c) scales[c] += static_cast<double>(scale_chain[c]);
    }
    if (shift != nullptr)
      for (std::size_t c = 0; c < width; ++c) shift[first + c] = static_cast<T>(shifts[c]);
    if constexpr (kScale)
      for (std::size_t c = 0; c < width; ++c) scale[first + c] = static_cast<T>(scales[c]);
  }
}

// The sums of one channel over consecutive places are added to `scale` and `shift`.
template <bool kScale, class T>
SOTTO_INLINE void sum_places(const T* __restrict g, const T* __restrict x, std::size_t count, T mean, T deviation,
                             double& scale, double& shift) {
  constexpr std::size_t kChain = kNormalisationChain * kAccumulators;
  for (std::size_t begin = 0; begin < count; begin += kChain) {
    const std::size_t end = std::min(begin + kChain, count);
    T scales[kAccumulators] = {}, shifts[kAccumulators] = {};
    std::size_t s = begin;
    for (; s + kAccumulators <= end; s += kAccumulators)
      for (std::size_t k = 0; k < kAccumulators; ++k) {
        shifts[k] += g[s + k];
        if constexpr (kScale) scales[k] += g[s + k] * ((x[s + k] - mean) * deviation);
      }
    for (std::size_t k = 0; s + k < end; ++k) {
      shifts[k] += g[s + k];
      if constexpr (kScale) scales[k] += g[s + k] * ((x[s + k] - mean) * deviation);
    }
    for (std::size_t half = kAccumulators / 2; half > 0; half /= 2)
      for (std::size_t k = 0; k < half; ++k) {
        shifts[k] += shifts[k + half];
        scales[k] += scales[k + half];
      }
    shift += static_cast<double>(shifts[0]);
    scale += static_cast<double>(scales[0]);
  }
}

// inner > 1: the places of a channel are side by side.
template <bool kScale, class T>
SOTTO_INLINE void sum_channels(const NormalisationShape& shape, const Inputs<T>& of, T* scale, T* shift) {
  for (std::size_t c = 0; c < shape.channels; ++c) {
    double scales = 0, shifts = 0;
    for (std::size_t o = 0; o < shape.outer; ++o) {
      const std::size_t at = (o * shape.channels + c) * shape.inner;
      const std::size_t statistic = o * shape.statistic_outer_stride + c / shape.channels_per_statistic;
      if constexpr (kScale) {
        sum_places<true>(of.gradient + at, of.input + at, shape.inner, of.mean[statistic],
                         of.reciprocal_deviation[statistic], scales, shifts);
      } else {
        sum_places<false>(of.gradient + at, static_cast<const T*>(nullptr), shape.inner, T{0}, T{0}, scales, shifts);
      }
    }
    if (shift != nullptr) shift[c] = static_cast<T>(shifts);
    if constexpr (kScale) scale[c] = static_cast<T>(scales);
  }
}

template <bool kScale, class T>
SOTTO_INLINE void all_rows(const NormalisationShape& shape, const Inputs<T>& all, T* scale_rows, T* shift_rows) {
  for (std::size_t i = 0; i < shape.records; ++i) {
    const std::size_t statistic = i * shape.statistic_record_stride;
    Inputs<T> of{nullptr, nullptr, nullptr, all.gradient + i * shape.gradient_record_stride};
    if constexpr (kScale)
      of = {all.input + i * shape.input_record_stride, all.mean + statistic, all.reciprocal_deviation + statistic,
            of.gradient};
    T* const scale = kScale ? scale_rows + i * shape.channels : nullptr;
    T* const shift = shift_rows == nullptr ? nullptr : shift_rows + i * shape.channels;
    if (shape.inner == 1) {
      sum_rows<kScale>(shape, of, scale, shift);
    } else {
      sum_channels<kScale>(shape, of, scale, shift);
    }
  }
}

// NOLINTBEGIN(bugprone-macro-parentheses): attributes cannot stand in parentheses.
#define SOTTO_DEFINE_KERNEL(suffix, attributes)                                                                     \
  template <class T>                                                                                                \
  attributes void rows_##suffix(const NormalisationShape& shape, const T* input, const T* mean, const T* deviation, \
                                const T* gradient, T* scale_rows, T* shift_rows) {                                  \
    const Inputs<T> of{input, mean, deviation, gradient};                                                           \
    if (scale_rows == nullptr) {                                                                                    \
      all_rows<false>(shape, of, scale_rows, shift_rows);                                                           \
    } else {                                                                                                        \
      all_rows<true>(shape, of, scale_rows, shift_rows);                                                            \
    }                                                                                                               \
  }

SOTTO_DEFINE_KERNEL(baseline, )
#if defined(__x86_64__)
SOTTO_DEFINE_KERNEL(avx2, __attribute__((target("avx2,fma"))))
SOTTO_DEFINE_KERNEL(avx512, __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw"))))
#endif
#undef SOTTO_DEFINE_KERNEL
// NOLINTEND(bugprone-macro-parentheses)

template <class T>
std::vector<detail::NormalisationKernel<T>> find_supported() {
  const detail::NormalisationKernel<T> baseline{"baseline", rows_baseline<T>};
#if defined(__x86_64__)
  const detail::NormalisationKernel<T> avx2{"avx2", rows_avx2<T>}, avx512{"avx512", rows_avx512<T>};
  return detail::best_first(baseline, &avx2, &avx512);
#else
  return {baseline};
#endif
}

}  // namespace

namespace detail {

template <class T>
std::span<const NormalisationKernel<T>> supported_normalisation_kernels() {
  static const std::vector<NormalisationKernel<T>> supported = find_supported<T>();
  return supported;
}
template std::span<const NormalisationKernel<float>> supported_normalisation_kernels();
template std::span<const NormalisationKernel<double>> supported_normalisation_kernels();

}  // namespace detail

void normalisation_rows(const NormalisationShape& shape, const float* input, const float* mean,
                        const float* reciprocal_deviation, const float* gradient, float* scale_rows,
                        float* shift_rows) {
  detail::supported_normalisation_kernels<float>().front().rows(shape, input, mean, reciprocal_deviation, gradient,
                                                                scale_rows, shift_rows);
}
void normalisation_rows(const NormalisationShape& shape, const double* input, const double* mean,
                        const double* reciprocal_deviation, const double* gradient, double* scale_rows,
                        double* shift_rows) {
  detail::supported_normalisation_kernels<double>().front().rows(shape, input, mean, reciprocal_deviation, gradient,
                                                                 scale_rows, shift_rows);
}

}  // namespace sotto::kernels
