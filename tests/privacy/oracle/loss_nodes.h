#pragma once
// The nodes at which one release's moment is summed:
//
//   M(z) = E[exp(z loss)] = sum_j exp(base_j + z loss_j),
//
// the trapezoidal rule in u = x / sigma along a path that leaves the real axis. The integrand is analytic, so the path
// does not matter to the value; it is chosen so that exp(z loss) decays where Im z is large instead of oscillating:
// arg r is positive along it for remove and negative for add. log r is continued along the path; it has branch
// points where r = 0, at log((1 - q) / q) +- i pi in y = log of the likelihood ratio of the two normal laws. The path
// passes between them.

#include <cstddef>
#include <vector>

#include "bulk.h"
#include "release.h"

namespace sotto::oracle {

// u(t) = t +- i (shift + slope sigma log(1 + exp((t - t_b) / sigma))), t_b where y = log((1 - q) / q).
struct Path {
  double shift = 0;  // below pi sigma
  double slope = 0;  // below 1; 0: a straight line
};

struct LossNodes {
  // Even multiples of the step first: their sum alone is half the rule of twice the step.
  std::vector<Complex> base;
  std::vector<Complex> loss;
  size_t even = 0;
};

LossNodes loss_nodes(const Law& law, const Path& path, double step, const std::vector<Stretch>& stretches);

// M(z), and how far the rule of twice the step is from it.
struct Moment {
  Complex value;
  double coarse_error = 0;
};
// Terms more than `nats` below the greatest are left out.
Moment moment(const LossNodes& nodes, const Complex& z, double nats);

}  // namespace sotto::oracle
