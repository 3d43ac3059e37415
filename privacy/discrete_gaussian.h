#pragma once
// Exact samples of the discrete Gaussian N_Z(0, s^2): integers y with probability exp(-y^2 / (2 s^2)) / Z, Z the sum
// over all integers. s^2 is an integer, and only integers are computed with: no floating-point number decides anything,
// so that floating-point attacks on noise (Mironov, CCS 2012) have nothing to hold on to.
//
// Method: Canonne, Kamath, Steinke, The Discrete Gaussian for Differential Privacy, NeurIPS 2020, algorithms 1 to 3.
// With t = floor(s) + 1,
//
//   1. a discrete Laplace variable of scale t: u uniform in 0 .. t - 1, kept with probability exp(-u / t); v the number
//      of successes of coins of exp(-1) before the first failure; y = u + t v with a random sign, and -0 drawn again;
//   2. y is kept with probability exp(-gamma), gamma = (|y| - s^2 / t)^2 / (2 s^2), because |y| / t + gamma is
//      y^2 / (2 s^2) and a constant. About 0.76 of all y are kept where s is large.
//
// Integers. s^2 <= 2^62, hence t <= 2^31 + 1. v >= kMostScales has probability e^-1024 and is an InternalError, as a
// broken stream; so |y| < t kMostScales < 2^42. With s^2 = a t + b, 0 <= b < t, a < 2^32, z = |y| - a, and 0 <= r <
// 2 s^2 in z^2 = 2 s^2 h + r,
//
//   gamma = (z t - b)^2 / (2 s^2 t^2) = h + (r t^2 - 2 z b t + b^2) / (2 s^2 t^2),
//
// where |z| < 2^42, z^2 < 2^84, 2 s^2 t^2 <= 2^63 (2^62 + 2^32 + 1) < 2^126, r t^2 is less than that, |2 z b t| < 2^106
// and b^2 < 2^64: all sums are below 2^127 in size and fit 128 bits with a sign.
//
// Exact means: of independent fair bits, which RandomStream (ChaCha20) stands for. The time that a sample takes depends
// on the sample; who can time single samples is not defended against. Some millions of samples a second on one thread
// (benchmarks/discrete_gaussian_benchmark.cpp).

#include <sotto/privacy/exact_draws.h>
#include <sotto/privacy/random_stream.h>

#include <cstdint>
#include <span>

namespace sotto::privacy {

// Move-only, not thread-safe.
class DiscreteGaussian {
 public:
  static constexpr std::uint64_t kLargestVariance = std::uint64_t{1} << 62;
  static constexpr std::uint64_t kMostScales = 1024;

  // variance = s^2, 1 .. kLargestVariance; UsageError otherwise. The variance of the samples is below s^2, by 2.1e-7 at
  // s^2 = 1 and by less than 1e-14 of itself from s^2 = 2 on.
  DiscreteGaussian(std::uint64_t variance, RandomStream stream);

  std::uint64_t variance() const { return variance_; }
  std::uint64_t scale() const { return scale_; }  // t

  // gamma of step 2 as whole + numerator / (2 s^2 t^2), 0 <= numerator <= 2 s^2 t^2; magnitude = |y| < t kMostScales.
  struct Exponent {
    WideUnsigned whole, numerator;
  };
  Exponent exponent(std::uint64_t magnitude) const;

  // |sample| < 2^42. Throws InternalError in a forked child.
  std::int64_t sample();
  // Adds an independent sample to each of the sums. Throws InternalError in a forked child, before anything is added,
  // and UsageError where a sum would leave 64 bits; the sums before it have their noise then, and must not be used.
  void add_to(std::span<std::int64_t> sums);

 private:
  std::int64_t draw();

  std::uint64_t variance_;
  std::uint32_t scale_;             // t
  std::uint64_t centre_, offset_;   // a, b
  Denominator laplace_, gaussian_;  // t, 2 s^2 t^2
  ExactDraws draws_;
};

}  // namespace sotto::privacy
