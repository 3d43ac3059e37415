#pragma once
// The cumulants of a law on a lattice at one tilt.

#include <cstdint>
#include <vector>

namespace sotto::privacy {

struct Cumulants {
  double value;      // K(c) = log sum of mass e^(c loss)
  double slope;      // K'
  double curvature;  // K'', >= 0
};

// Of losses index * step, index counting from `first`; masses >= 0 and not all 0; c > 0, step > 0. The value is off by
// at most kMomentRoundoff, the derivatives are good to about ten digits. No exponential per point: Horner's rule in
// blocks. O(points).
Cumulants tilted_moment(const std::vector<double>& masses, std::int64_t first, double step, double c);

inline constexpr double kMomentRoundoff = 1e-12;

}  // namespace sotto::privacy
