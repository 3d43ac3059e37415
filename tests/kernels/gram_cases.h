#pragma once
// Inputs of the tests of Gram norms.

#include <string>
#include <vector>

#include "outer_cases.h"

namespace sotto::kernels::testing {

template <class T>
struct GramCase : Factors<T> {
  std::string name;
};

template <class T>
GramCase<T> random_gram(const std::string& name, const OuterShape& shape) {
  return {random_factors<T>(shape), name};
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
  GramCase<T> c = random_gram<T>("cancels", outer_shape(1, positions, p, d));
  for (std::size_t k = 0; k < c.right.size(); ++k) c.right[k] = T{1} + static_cast<T>(1e-5) * c.right[k];
  for (std::size_t j = 0; j < p; ++j)
    for (std::size_t t = 0; t + 1 < positions; t += 2) c.left[(t + 1) * p + j] = -c.left[t * p + j];
  return c;
}

// Rows of very different sizes: what is tiny meets what is huge, in one factor, between factors and between positions.
template <class T>
std::vector<GramCase<T>> gram_cases_of_all_sizes(std::size_t positions, std::size_t p, std::size_t d) {
  const int far = sizeof(T) == 4 ? 100 : 240;
  const OuterShape shape = outer_shape(1, positions, p, d);
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
