#pragma once
// What roundings add up to, for the bounds of the kernels.

namespace sotto::kernels {

// gamma_k = k u / (1 - k u): a sum of k terms, or an inner product of k, is off by at most that much of the sum of the
// terms' magnitudes, in any order; u is the unit roundoff (Higham 2002, lemma 3.1).
constexpr double gamma(double terms, double unit) {
  return terms * unit / (1 - terms * unit);
}

}  // namespace sotto::kernels
