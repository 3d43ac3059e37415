#pragma once
// The two noises of a step of adaptive clipping, and what they are together (Andrew, Thakkar, McMahan, Ramaswamy,
// NeurIPS 2021, arXiv:1905.03871, theorem 1).
//
// In units of the step's clip norm C a record contributes u, a vector of norm at most 1, and a bit b = [norm <= C] -
// 1/2. The step releases
//
//   sum of u + N(0, z_u^2 I)     and     sum of b + N(0, s_b^2)
//
// of one batch. Each divided by its noise they are one release of unit noise, which a record moves by at most
// (z_u^-2 + (2 s_b)^-2)^(1/2): a Gaussian release with noise multiplier z, the reciprocal of that (joint_gaussian.h).
// z is what plan, ledger and accountant state. C follows from what earlier steps released, so that z is the same
// whatever it is.
//
// Rounding errs towards more noise: joint_gaussian(), which is rounded down, says at least z of the z_u returned here.

#include <cstdint>

namespace sotto::privacy {

// A bit without noise enough would leave the gradient none of z: 2 s_b must be at least so many times z.
inline constexpr double kLeastCountNoise = 1.01;

// z_u, at least (z^-2 - (2 s_b)^-2)^(-1/2), and beyond that by a few units in the last place, which cover the product
// of z_u with the clip norm. Throws UsageError unless noise_multiplier and count_noise are finite and > 0 and 2
// count_noise >= kLeastCountNoise * noise_multiplier.
double gradient_noise_beside_count(double noise_multiplier, double count_noise);

// z of both together, rounded down. Throws UsageError unless both are finite and > 0.
double joint_noise_multiplier(double gradient_noise, double count_noise);

// s_b where none is chosen: a twentieth of the expected batch, as the paper proposes, and at least 2 z, with which z_u
// is 3.3 % above z. Throws UsageError for a noise multiplier that is not finite and > 0, and for a batch below 1.
double default_count_noise(double noise_multiplier, std::int64_t expected_batch_size);

}  // namespace sotto::privacy
