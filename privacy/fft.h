#pragma once
// Discrete Fourier transform of a power-of-two length in double precision, with a proven bound on its rounding.
//
// Every stage multiplies the 2-norm by exactly sqrt(2) and errs by at most 7 units of roundoff of it (one for the
// complex addition, under 4 for the rounded root of unity, sqrt(5) for the complex product: Brent, Percival,
// Zimmermann, Math. Comp. 2007), so after log2(n) stages the relative error in the 2-norm is at most kFftRoundoff *
// log2(n) (Higham, Accuracy and Stability of Numerical Algorithms, 2002, theorem 24.2).
//
// The forward transform leaves its result in bit-reversed order, which the inverse expects: what lies between works on
// values one by one and does not mind. In that order the frequencies k and n - k stand at i and mirrored(i).

#include <cstddef>
#include <memory>
#include <vector>

namespace sotto::privacy {

inline constexpr double kFftRoundoff = 8.9e-16;  // 8 u, u = 2^-53: 7 u and the terms of higher order

class Fft {
 public:
  // n: a power of two, 1 .. 2^26. UsageError otherwise. Holds n complex roots of unity.
  explicit Fft(std::size_t n);

  std::size_t size() const { return n_; }

  // sum_j x_j exp(-2 pi i j k / n), in place, bit-reversed order; arrays of size() elements. O(n log n).
  void forward(double* real, double* imaginary) const;
  // (1/n) sum_k X_k exp(2 pi i j k / n) from bit-reversed order, in place.
  void inverse(double* real, double* imaginary) const;

  // Where frequency n - k stands, k standing at i.
  static std::size_t mirrored(std::size_t i);

 private:
  std::size_t n_;
  std::vector<double> cosine_, sine_;  // for each stage of half length m, at [m, 2 m): of pi j / m
};

// A transform of this size, kept for the next caller when it is not large. Safe to call from several threads.
std::shared_ptr<const Fft> shared_fft(std::size_t n);

}  // namespace sotto::privacy
