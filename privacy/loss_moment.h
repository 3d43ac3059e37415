#pragma once
// Moments of the privacy loss of one Poisson-subsampled Gaussian release, with bounds on their error.
//
// With P, Q and r = dP/dQ as in rdp.h, the loss is L = log r under P when a record is removed, and -log r under Q when
// one is added; in both cases
//
//   M(z) = E[exp(z L)] = E_Q[r^kappa],   kappa = z + 1 (remove) or -z (add),
//   M(z) - 1 = E_Q[g],   g = expm1(kappa log r) - kappa expm1(log r),
//
// because E_Q[r] = 1. The integrand is analytic in the strip |Im u| < pi s (u = x / s), so the trapezoidal rule of step
// h is off by at most 2 N / (exp(2 pi a / h) - 1), N a bound of the integral of |integrand| along Im u = +-a
// (Trefethen and Weideman, SIAM Review 2014, theorem 5.1). In the strip |r(u + i a)| <= r(u), |arg r| <= a / s and
// Re r >= r(u) cos(a / s), which gives N in closed form.

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

// M on the line Re z = c. Grids are made when they are first needed: one thread at a time.
class LossMoment {
 public:
  // sampling_rate in (0, 1); noise_multiplier finite, >= kSmallestQuadratureNoise; c finite, > 0; tolerance in (0, 1):
  // the error of the quadrature relative to M(c), to which that of rounding is added. UsageError otherwise.
  LossMoment(const PoissonSampled& event, Direction direction, double c, double tolerance);

  // log M(c + i omega), omega >= 0; with an infinite error where M(c) is beyond a double. O(nodes), some hundreds;
  // nodes grow with omega / s.
  CertifiedLog log_at(double omega) const;
  // d/dc log M(c), without a bound on its error: it only chooses lines.
  double slope() const { return slope_; }

  // Upper bound of |M(c + i w)| / M(c) for every w >= omega > 0, at most 1. From the part of the loss where its density
  // with respect to the tilted law has bounded variation: |E[exp(i w L); A]| <= variation / w.
  double decay(double omega) const;

  // Number of nodes that log_at(omega) visits.
  double nodes(double omega) const;

 private:
  struct Node {
    double weight;    // h phi(u)
    double log_r;     // L
    double expm1_l;   // expm1(L)
    double expm1_kl;  // expm1(Re kappa L)
    double shift;     // bound of the error of L
    double rounding;  // relative error of the weight and of sums, in units of roundoff
  };
  struct Tail {
    double mass;       // lower bound of the tilted mass of u >= here
    double variation;  // upper bound of the boundary value plus the variation of the density there
  };
  Node node(double u, double h) const;
  double discretisation_error(double omega, double h) const;
  int level_of(double omega) const;
  const std::vector<Node>& nodes_at(int level) const;
  void make_tails() const;

  double q_, s_, kappa_;  // real part of kappa
  Direction direction_;
  double tolerance_;
  double low_ = 0, high_ = 0;  // range of u
  double moment_ = 1;          // M(c), an upper bound
  double slope_ = 0;
  mutable std::vector<Tail> tails_;
  mutable std::vector<std::vector<Node>> levels_;  // step 2^-level
};

}  // namespace sotto::privacy
