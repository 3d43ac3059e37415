#pragma once
// Upper bounds of |E_Q[r^kappa]| of one Poisson-subsampled Gaussian release far from the real axis of kappa.
//
// With P, Q and r as in rdp.h, u = x / s and 0 < a <= s pi / 2, the path of integration follows the real axis up to a
// cut u0, climbs to u0 + i a and goes on to the right. On the real part |r^kappa| = r^(Re kappa); on the rest
// |r^kappa| = |r|^(Re kappa) exp(-Im kappa arg r), where arg r rises with u to a / s: what has large losses is damped,
// the more the larger Im kappa is. For every kappa with Re kappa = p and Im kappa >= w
//
//   |E_Q[r^kappa]| <= R + V + D,     R = integral up to u0 of phi r^p
//                                      = Phi(u0) + p q (Phi(u0 - 1/s) - Phi(u0)) + G,
//                                    V = a phi(u0) e^(a^2/2) r(u0)^p,
//                                    D = integral from u0 of phi e^(a^2/2) |r|^p e^(-w arg r) along u + i a,
//
// G the integral of phi (r^p - 1 - p (r - 1)) >= 0. G and D are bounded cell by cell from the values at the cell's
// ends. R, V and D are convex in p: between two powers the bound is the larger of those at the powers, for the same
// cut.

#include <sotto/privacy/event.h>

#include <vector>

namespace sotto::privacy {

class MomentEnvelope {
 public:
  // Sampling rate in (0, 1), noise multiplier >= kSmallestQuadratureNoise, 1 <= greatest_power, finite. UsageError
  // otherwise.
  MomentEnvelope(const PoissonSampled& event, double greatest_power);

  // Upper bounds of |E_Q[r^kappa]| - 1 for all kappa with Re kappa = power and Im kappa >= omega, one for each of the
  // same cuts; may be negative or infinite. 1 <= power <= greatest_power, omega > 0. O(cells), some thousands.
  std::vector<double> excess(double power, double omega) const;

 private:
  struct Node {
    double log_density;  // of phi
    double log_r;        // on the real axis
    double log_modulus;  // at height a
    double angle;        // arg r at height a
    double real_part;    // Phi(u0) - 1 and
    double slope;        // q (Phi(u0 - 1/s) - Phi(u0)) of a cut here
  };
  double q_, s_, height_, step_;
  std::vector<Node> nodes_;
};

}  // namespace sotto::privacy
