#pragma once
// Moments of the privacy loss of one Poisson-subsampled Gaussian release, with bounds on their error.
//
// With P, Q and r = dP/dQ as in rdp.h, the loss is L = log r under P when a record is removed, and -log r under Q when
// one is added; in both cases
//
//   M(z) = E[exp(z L)] = E_Q[r^kappa],   kappa = z + 1 (remove) or -z (add),
//   M(z) - 1 = E_Q[g],   g = expm1(kappa log r) - kappa expm1(log r),
//
// because E_Q[r] = 1. With u = x / s the integrand is analytic in the strip 0 <= Im u < pi s, where 0 <= arg r < pi: it
// is summed along the middle line Im u = a of the strip 0 <= Im u <= 2 a. There |exp(i w log r)| <= 1, so that neither
// the step nor the number of nodes grows with the frequency w, and the trapezoidal rule of step h is off by at most
// (N(0) + N(2 a)) / (exp(2 pi a / h) - 1), N(b) a bound of the integral of |integrand| along Im u = b (Trefethen and
// Weideman, SIAM Review 2014, theorem 5.1). r(t) cos(b / (2 s)) <= |r(t + i b)| <= r(t) gives N in closed form.

#include <sotto/privacy/event.h>
#include <sotto/privacy/rdp.h>

#include <complex>
#include <cstdint>
#include <vector>

namespace sotto::privacy {

struct CertifiedLog {
  std::complex<double> value;
  double error;  // |value - exact| is at most this; may be infinite
};

// M on the line Re z = c. The bound of its decay is prepared when it is first needed: one thread at a time.
class LossMoment {
 public:
  // sampling_rate in (0, 1); noise_multiplier finite, >= kSmallestQuadratureNoise; c finite, > 0; tolerance in (0, 1):
  // the error of the quadrature relative to M(c), to which that of rounding is added. UsageError otherwise.
  LossMoment(const PoissonSampled& event, Direction direction, double c, double tolerance);

  // log M(c + i omega), omega >= 0; with an infinite error where M(c) is beyond a double. O(nodes()).
  CertifiedLog log_at(double omega) const;
  // d/dc log M(c), without a bound on its error: it only chooses lines.
  double slope() const { return slope_; }

  // Upper bound of |M(c + i w)| / M(c) for every w >= omega > 0, at most 1. From the part of the loss where its density
  // with respect to the tilted law has bounded variation: |E[exp(i w L); A]| <= variation / w.
  double decay(double omega) const;

  // Number of nodes that log_at() visits: some hundreds, more with c / s.
  double nodes() const { return nodes_wanted_; }

 private:
  struct Node {
    std::complex<double> weight;  // h phi(u)
    std::complex<double> log_r;   // L
    std::complex<double> excess;  // r - 1
    std::complex<double> power;   // r^(Re kappa)
    double shift;                 // bound of the error of L
    double rounding;              // relative error of the weight and of sums, in units of roundoff
  };
  struct Tail {
    double mass;       // lower bound of the tilted mass of u >= here
    double variation;  // upper bound of the boundary value plus the variation of the density there
  };
  void choose_strip();
  Node node(double t) const;
  double discretisation_error(double omega) const;
  void make_tails() const;

  double q_, s_, kappa_;  // real part of kappa
  Direction direction_;
  double tolerance_;
  double height_ = 0, step_ = 0;  // a, h
  double low_ = 0, high_ = 0;     // range of Re u
  double nodes_wanted_ = 0;
  double moment_ = 1;  // M(c), an upper bound
  double slope_ = 0;
  std::vector<Node> nodes_;
  mutable std::vector<Tail> tails_;
};

}  // namespace sotto::privacy
