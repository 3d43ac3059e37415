#pragma once
// Between the noise multiplier of an event and the integers of the mechanism: SampledDiscreteGaussian says s / D, and
// the mechanism has s^2 and D^2, both integers. Compared exactly, in integers of any length.

#include <cstdint>

namespace sotto::privacy {

// The least integer s^2 with s / D >= noise_multiplier: the noise is never less than the accounted one.
// noise_multiplier: finite, > 0; squared_norm = D^2: 1 .. 2^62. UsageError outside, and where s^2 would be above
// DiscreteGaussian::kLargestVariance.
std::uint64_t smallest_discrete_variance(double noise_multiplier, std::uint64_t squared_norm);

// The largest double that is not above s / D. variance, squared_norm: 1 .. 2^62; UsageError otherwise.
double discrete_noise_multiplier(std::uint64_t variance, std::uint64_t squared_norm);

}  // namespace sotto::privacy
