#pragma once
// Arguments of the calls that transfer rules are checked with.

#include <ATen/TensorOperators.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>

#include "transfer_cases.h"

namespace sotto::optim {

inline at::Tensor uniform(at::IntArrayRef sizes) {
  return at::rand(sizes, at::kDouble).mul(0.8).add(0.1);  // inside the domain of every elementwise operator but acosh
}
inline at::Tensor booleans(at::IntArrayRef sizes) {
  return at::rand(sizes).gt(0.5);
}
inline at::Tensor integers(at::IntArrayRef sizes, int64_t below) {
  return at::randint(0, below, sizes, at::kLong);
}

using Ints = std::vector<int64_t>;

void add_complex_cases(std::vector<Case>& all);  // transfer_complex_cases.cpp
void add_layer_cases(std::vector<Case>& all);    // transfer_layer_cases.cpp

}  // namespace sotto::optim
