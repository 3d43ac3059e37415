#pragma once
// Normalisations for the tests of kernels, and gradients of their scale and shift in long double.

#include <sotto/kernels/normalisation_rows.h>

#include <cmath>
#include <limits>
#include <vector>

#include "random_values.h"

namespace sotto::kernels::testing {

template <class T>
struct NormalisationCase {
  NormalisationShape shape;
  std::vector<T> input, mean, reciprocal_deviation, gradient;
};

// Statistics are any values: the gradients are a formula of them. Records have gaps in between.
template <class T>
NormalisationCase<T> random_normalisation(NormalisationShape s) {
  const std::size_t elements = s.outer * s.channels * s.inner;
  s.input_record_stride = elements + 3;
  s.gradient_record_stride = elements + 1;
  const auto held = [&](std::size_t stride, std::size_t last) {
    return s.records == 0 ? 0 : (s.records - 1) * stride + last;
  };
  const std::size_t groups = (s.channels + s.channels_per_statistic - 1) / s.channels_per_statistic;
  const std::size_t statistics =
      held(s.statistic_record_stride, s.outer == 0 ? 0 : (s.outer - 1) * s.statistic_outer_stride + groups);
  RandomValues<T> random(elements * 7 + s.channels);
  return {s, random(held(s.input_record_stride, elements)), random(statistics), random(statistics),
          random(held(s.gradient_record_stride, elements))};
}

inline NormalisationShape layer_norm_shape(std::size_t records, std::size_t positions, std::size_t channels) {
  return {.records = records,
          .outer = positions,
          .channels = channels,
          .channels_per_statistic = channels + 1,
          .statistic_record_stride = positions,
          .statistic_outer_stride = 1};
}

inline NormalisationShape group_norm_shape(std::size_t records, std::size_t images, std::size_t groups,
                                           std::size_t per_group, std::size_t places) {
  return {.records = records,
          .outer = images,
          .channels = groups * per_group,
          .inner = places,
          .channels_per_statistic = per_group,
          .statistic_record_stride = images * groups,
          .statistic_outer_stride = groups};
}

inline NormalisationShape batch_norm_shape(std::size_t records, std::size_t channels, std::size_t places) {
  return {.records = records, .channels = channels, .inner = places};
}

// Layer, group and batch norm with the number of places below, at and beyond the chains of sums.
inline std::vector<NormalisationShape> normalisation_shapes() {
  return {layer_norm_shape(2, 1, 1),        layer_norm_shape(3, 5, 33),      layer_norm_shape(1, 64, 32),
          layer_norm_shape(2, 130, 20),     layer_norm_shape(1, 3, 1100),    layer_norm_shape(2, 0, 4),
          layer_norm_shape(0, 3, 4),        layer_norm_shape(2, 3, 0),       group_norm_shape(2, 1, 2, 3, 49),
          group_norm_shape(1, 2, 3, 1, 31), group_norm_shape(2, 3, 1, 4, 2), group_norm_shape(1, 1, 2, 1, 2500),
          group_norm_shape(2, 2, 2, 5, 1),  group_norm_shape(2, 1, 1, 3, 0), batch_norm_shape(3, 5, 16),
          batch_norm_shape(2, 40, 1)};
}

struct NormalisationTruth {
  std::vector<long double> scale, shift;                      // [channels]
  std::vector<long double> scale_magnitude, shift_magnitude;  // sums of absolute values
};

template <class T>
NormalisationTruth truth_of(const NormalisationCase<T>& c, std::size_t record) {
  const NormalisationShape& s = c.shape;
  NormalisationTruth truth;
  for (std::size_t channel = 0; channel < s.channels; ++channel) {
    long double sums[4] = {};
    for (std::size_t o = 0; o < s.outer; ++o)
      for (std::size_t k = 0; k < s.inner; ++k) {
        const std::size_t at = (o * s.channels + channel) * s.inner + k;
        const std::size_t statistic =
            record * s.statistic_record_stride + o * s.statistic_outer_stride + channel / s.channels_per_statistic;
        const long double g = c.gradient[record * s.gradient_record_stride + at];
        const long double x = c.input[record * s.input_record_stride + at];
        const long double term = g * (x - c.mean[statistic]) * c.reciprocal_deviation[statistic];
        sums[0] += term, sums[1] += g, sums[2] += std::abs(term), sums[3] += std::abs(g);
      }
    truth.scale.push_back(sums[0]), truth.shift.push_back(sums[1]);
    truth.scale_magnitude.push_back(sums[2]), truth.shift_magnitude.push_back(sums[3]);
  }
  return truth;
}

// Of every element, relative to the sum of absolute values: roundings of a term, of a chain, of the chain of sums and
// of the pairs.
template <class T>
double normalisation_error(const NormalisationShape& s) {
  const double chains = static_cast<double>(s.outer * s.inner) / static_cast<double>(kNormalisationChain);
  const double k = 3 + static_cast<double>(kNormalisationChain) + chains + 8;
  return k * std::numeric_limits<T>::epsilon() / 2;
}

}  // namespace sotto::kernels::testing
