#pragma once
// Factors of per-record gradients for the tests of kernels, and gradients that are formed in long double.

#include <sotto/kernels/outer_shape.h>

#include <cmath>
#include <vector>

#include "random_values.h"

namespace sotto::kernels::testing {

// `gap` elements between rows, three times as many between records.
inline OuterShape outer_shape(std::size_t records, std::size_t positions, std::size_t p, std::size_t d,
                              std::size_t gap = 0) {
  const std::size_t left = p + gap, right = d + gap;
  return {records, positions, p, d, positions * left + 3 * gap, left, positions * right + 3 * gap, right};
}

// As many elements as the shape reaches, and no more.
inline std::size_t reached(std::size_t records, std::size_t record_stride, std::size_t positions, std::size_t stride,
                           std::size_t columns) {
  return records == 0 || positions == 0 ? 0 : (records - 1) * record_stride + (positions - 1) * stride + columns;
}

template <class T>
struct Factors {
  OuterShape shape;
  std::vector<T> left, right;
};

template <class T>
Factors<T> random_factors(const OuterShape& s) {
  RandomValues<T> random(7 + s.positions + 31 * s.left_columns + 1009 * s.right_columns);
  return {s, random(reached(s.records, s.left_record_stride, s.positions, s.left_position_stride, s.left_columns)),
          random(reached(s.records, s.right_record_stride, s.positions, s.right_position_stride, s.right_columns))};
}

struct OuterTruth {
  std::vector<long double> gradient;  // [p, d]
  long double squared_norm = 0;
  long double bound = 0;  // sum_t |left_t||right_t|
};

template <class T>
OuterTruth truth_of(const Factors<T>& f, std::size_t record) {
  const OuterShape& s = f.shape;
  const auto left = [&](std::size_t t, std::size_t a) {
    return static_cast<long double>(f.left[record * s.left_record_stride + t * s.left_position_stride + a]);
  };
  const auto right = [&](std::size_t t, std::size_t b) {
    return static_cast<long double>(f.right[record * s.right_record_stride + t * s.right_position_stride + b]);
  };
  OuterTruth truth;
  truth.gradient.assign(s.left_columns * s.right_columns, 0);
  for (std::size_t t = 0; t < s.positions; ++t) {
    long double l = 0, r = 0;
    for (std::size_t a = 0; a < s.left_columns; ++a) l += left(t, a) * left(t, a);
    for (std::size_t b = 0; b < s.right_columns; ++b) r += right(t, b) * right(t, b);
    truth.bound += std::sqrt(l) * std::sqrt(r);
    for (std::size_t a = 0; a < s.left_columns; ++a)
      for (std::size_t b = 0; b < s.right_columns; ++b)
        truth.gradient[a * s.right_columns + b] += left(t, a) * right(t, b);
  }
  for (const long double x : truth.gradient) truth.squared_norm += x * x;
  return truth;
}

}  // namespace sotto::kernels::testing
