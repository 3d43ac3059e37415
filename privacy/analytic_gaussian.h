#pragma once
// The Gaussian mechanism without sampling, exactly (Balle, Wang, ICML 2018, theorem 8).
//
// With mu = sqrt(number of releases) * sensitivity / standard deviation (k releases add up in mu^2),
//
//   delta(epsilon) = Phi(mu/2 - epsilon/mu) - e^epsilon Phi(-mu/2 - epsilon/mu),
//
// evaluated through erfcx so that neither term overflows and small deltas keep their digits. Exact up to rounding:
// relative error about 1e-13; these are not bounds. The textbook calibration sqrt(2 log(1.25/delta))/epsilon is not
// used: it is wrong for epsilon > 1. UsageError outside the stated ranges.

namespace sotto::privacy {

// mu finite, >= 0; epsilon finite, >= 0. Natural logarithm of delta: -infinity for mu = 0.
double gaussian_log_delta(double mu, double epsilon);
double gaussian_delta(double mu, double epsilon);
// Least epsilon >= 0 with gaussian_delta(mu, epsilon) <= delta; mu finite, >= 0; 0 < delta < 1.
double gaussian_epsilon(double mu, double delta);
// Least standard deviation / sensitivity, i.e. 1/mu, that is (epsilon, delta)-DP; ranges as in budget.h.
double gaussian_noise_multiplier(double epsilon, double delta);

}  // namespace sotto::privacy
