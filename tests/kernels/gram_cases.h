#pragma once
// Inputs of the tests of Gram norms, and their squared norms from gradients that are formed in long double.

#include <sotto/kernels/gram_norms.h>

#include <cmath>
#include <string>
#include <vector>

#include "random_values.h"

namespace sotto::kernels::testing {

template <class T>
struct GramCase {
  std::string name;
  GramShape shape;
  std::vector<T> left, right;
};

struct GramTruth {
  long double squared_norm = 0;
  long double bound = 0;  // sum_t |left_t||right_t|
};

// `gap` elements between rows, three times as many between records.
inline GramShape gram_shape(std::size_t records, std::size_t positions, std::size_t p, std::size_t d,
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
GramCase<T> random_gram(const std::string& name, const GramShape& s) {
  RandomValues<T> random(7 + s.positions + 31 * s.left_columns + 1009 * s.right_columns);
  return {name, s,
          random(reached(s.records, s.left_record_stride, s.positions, s.left_position_stride, s.left_columns)),
          random(reached(s.records, s.right_record_stride, s.positions, s.right_position_stride, s.right_columns))};
}

// Multiplies row t of every record of `rows` with 2^exponents(t).
template <class T, class Exponents>
void scale_rows(std::vector<T>& rows, std::size_t positions, std::size_t columns, Exponents&& exponents) {
  for (std::size_t k = 0; k < rows.size(); ++k) rows[k] = std::ldexp(rows[k], exponents(k / columns % positions));
}

// Nearly constant activations and output gradients that sum to zero over positions: the Gram sum cancels to far below
// its rounding in float (what the keys of attention produce).
template <class T>
GramCase<T> cancelling_gram(std::size_t positions, std::size_t p, std::size_t d) {
  GramCase<T> c = random_gram<T>("cancels", gram_shape(1, positions, p, d));
  for (std::size_t k = 0; k < c.right.size(); ++k) c.right[k] = T{1} + static_cast<T>(1e-5) * c.right[k];
  for (std::size_t j = 0; j < p; ++j)
    for (std::size_t t = 0; t + 1 < positions; t += 2) c.left[(t + 1) * p + j] = -c.left[t * p + j];
  return c;
}

template <class T>
GramTruth truth_of(const GramCase<T>& c, std::size_t record) {
  const GramShape& s = c.shape;
  const T* left = c.left.data() + record * s.left_record_stride;
  const T* right = c.right.data() + record * s.right_record_stride;
  GramTruth truth;
  std::vector<long double> row(s.right_columns);
  for (std::size_t a = 0; a < s.left_columns; ++a) {
    row.assign(s.right_columns, 0);
    for (std::size_t t = 0; t < s.positions; ++t)
      for (std::size_t b = 0; b < s.right_columns; ++b)
        row[b] +=
            static_cast<long double>(left[t * s.left_position_stride + a]) * right[t * s.right_position_stride + b];
    for (const long double x : row) truth.squared_norm += x * x;
  }
  for (std::size_t t = 0; t < s.positions; ++t) {
    long double l = 0, r = 0;
    for (std::size_t a = 0; a < s.left_columns; ++a)
      l += std::pow(static_cast<long double>(left[t * s.left_position_stride + a]), 2);
    for (std::size_t b = 0; b < s.right_columns; ++b)
      r += std::pow(static_cast<long double>(right[t * s.right_position_stride + b]), 2);
    truth.bound += std::sqrt(l) * std::sqrt(r);
  }
  return truth;
}

// Rows of very different sizes: what is tiny meets what is huge, in one factor, between factors and between positions.
template <class T>
std::vector<GramCase<T>> gram_cases_of_all_sizes(std::size_t positions, std::size_t p, std::size_t d) {
  const int far = sizeof(T) == 4 ? 100 : 240;
  const GramShape shape = gram_shape(1, positions, p, d);
  std::vector<GramCase<T>> cases;
  const auto add = [&](const char* name, auto&& of_left, auto&& of_right) {
    GramCase<T> c = random_gram<T>(name, shape);
    scale_rows(c.left, positions, p, of_left);
    scale_rows(c.right, positions, d, of_right);
    cases.push_back(c);
  };
  const auto tiny = [=](std::size_t) { return -far; };
  const auto huge = [=](std::size_t) { return far; };
  const auto mixed = [=](std::size_t t) { return (static_cast<int>(t * 7 % 5) - 2) * far / 2; };
  const auto opposite = [=](std::size_t t) { return -mixed(t); };
  add("tiny and huge", tiny, huge);
  add("huge and tiny", huge, tiny);
  add("tiny", tiny, [](std::size_t) { return 0; });
  add("mixed", mixed, mixed);
  add("mixed, opposite", mixed, opposite);
  add(
      "subnormal", [](std::size_t) { return sizeof(T) == 4 ? -145 : 0; }, huge);
  return cases;
}

}  // namespace sotto::kernels::testing
