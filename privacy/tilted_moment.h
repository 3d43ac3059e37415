#pragma once
// The cumulants of a law on a lattice at one tilt.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sotto::privacy {

struct Cumulants {
  double value;      // K(c) = log sum of mass e^(c loss)
  double slope;      // K'
  double curvature;  // K'', >= 0
};

// Of losses index * step, index counting from `first`; masses >= 0 and not all 0; c > 0, step > 0. The value is off by
// at most moment_roundoff(points) and a few units of roundoff of itself, the derivatives are good to about ten digits.
// No exponential per point: Horner's rule in blocks. O(points).
Cumulants tilted_moment(const std::vector<double>& masses, std::int64_t first, double step, double c);

// 1e-12 for a block, and two roundings for each block of 128 points.
constexpr double moment_roundoff(std::size_t points) {
  return 1e-12 + 0x1p-58 * static_cast<double>(points);
}

}  // namespace sotto::privacy
