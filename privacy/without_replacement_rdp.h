#pragma once
// Renyi divergence bound of Gaussian noise on a batch drawn without replacement, one record replaced by another
// (Wang, Balle, Kasiviswanathan, AISTATS 2019, theorem 9).
//
// With q = batch / records, noise of multiplier s on sensitivity 2 (units of the clip norm), and e(j) = 2 j / s^2 the
// divergence of the unsampled release, for integer orders a >= 2
//
//   (a-1) D_a <= log(1 + C(a,2) q^2 min{4 (e^(e(2)) - 1), 2 e^(e(2))}
//                      + sum_{j=3..a} C(a,j) q^j min{2 e^((j-1) e(j)), 4 sqrt(B(2 floor(j/2)) B(2 ceil(j/2)))}),
//
// B(l) = E_Q[(P/Q - 1)^l], Q = N(0), P = N(2): the l-th forward difference of e^((x-1) e(x)) at 0, which for even l is
// the mean of something that is not negative and is integrated as such. (a-1) D_a is convex in a and 0 at 1, so the
// bound at other orders is interpolated linearly. Sampling never costs more than none, which bounds all orders.
// Where j > kLargestDifference or a > kLargestSampledOrder the weaker half of each minimum, and the unsampled release,
// are taken: valid all the same.

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace sotto::privacy {

class WithoutReplacementRdp {
 public:
  static constexpr int kLargestDifference = 256;
  static constexpr int kLargestSampledOrder = 10000;

  // sampling_rate in (0, 1), noise_multiplier finite, > 0. UsageError otherwise. Not thread-safe: moments are kept.
  WithoutReplacementRdp(double sampling_rate, double noise_multiplier);

  // order in [1, infinity].
  double at(double order);

 private:
  double log_moment(int order);           // (order - 1) D_order, the bound
  double log_even_difference(int order);  // log B(order)
  double unsampled(double order) const;   // D_order without sampling

  double q_, rate_;  // rate_ = e(j) / j
  std::unordered_map<int, double> log_moments_;
  std::vector<double> log_differences_;  // log B(2 i), NaN where not yet known
};

}  // namespace sotto::privacy
