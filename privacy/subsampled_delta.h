#pragma once
// The exact delta(epsilon) of one Poisson-subsampled Gaussian release: the hockey-stick divergence of its pair of
// distributions. The likelihood ratio is monotone, so the worst event is a half line, and delta is a difference of two
// Gaussian tails, taken through Mills' ratio so that nothing cancels. Relative error about 1e-13, 1e-9 at the very edge
// of the range of the loss; these are not bounds.
//
// Directions as in rdp.h. One release only: the larger direction of a composition is not that of its parts.

#include <sotto/privacy/rdp.h>

namespace sotto::privacy {

// sampling_rate in [0, 1]; noise_multiplier finite, > 0; epsilon finite, of any sign. UsageError otherwise.
double subsampled_gaussian_delta(double sampling_rate, double noise_multiplier, double epsilon, Direction direction);

// The same for one record replaced by another: (1 - q) N(0) + q N(1) against (1 - q) N(0) + q N(-1), which dominates
// every pair of gradients (collinear, opposite and of full length is the worst case) and is symmetric.
double subsampled_gaussian_delta_replace(double sampling_rate, double noise_multiplier, double epsilon);

}  // namespace sotto::privacy
