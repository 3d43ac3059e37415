#pragma once
// How large the noise of a private step is beside the largest gradient that it hides.

#include <cstdint>

namespace sotto::tools {

// A step releases (sum of the clipped gradients + noise) / B, B the expected batch size.
struct NoiseRatio {
  double deviation = 0;  // of one coordinate of that: s S / B, s the noise multiplier, S the bound of one contribution
  double norm = 0;       // of the noise over all d coordinates, root mean square: sqrt(d) s S / B
  double signal = 0;     // S: the norm of the mean of B clipped gradients when all have norm S and one direction
  double ratio = 0;      // norm / signal = sqrt(d) s / B
};

// noise_multiplier, bound, expected_batch_size: finite, > 0; parameters: >= 0, where 0 leaves norm and ratio 0. Throws
// UsageError for other values.
NoiseRatio noise_ratio(double noise_multiplier, double bound, double expected_batch_size, std::int64_t parameters);

}  // namespace sotto::tools
