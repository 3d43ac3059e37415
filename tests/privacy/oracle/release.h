#pragma once
// What the oracle is asked about: `steps` releases, each of the Poisson-subsampled Gaussian
//
//   Q = N(0, sigma^2),  P = (1 - q) N(0, sigma^2) + q N(1, sigma^2),  r = dP/dQ.

#include <cstdint>
#include <limits>

#include "number.h"

namespace sotto::oracle {

struct Release {
  Real sampling_rate;     // q, in (0, 1]
  Real noise_multiplier;  // sigma, > 0
  int64_t steps = 1;      // T, >= 1
};

// remove: P against Q, loss log r; add: Q against P, loss -log r.
enum class Side { remove, add };

// One side of it. Under remove, x beyond `cut` * sigma may be left out: a cut is placed where the probability of such
// an x in any of the releases, which bounds the change of delta, is far below the accuracy wanted. Without it the least
// likely losses, large ones, would dominate moments of the order that small losses call for.
struct Law {
  Release release;
  Side side;
  double cut = std::numeric_limits<double>::infinity();

  double sampling_rate() const { return static_cast<double>(release.sampling_rate); }
  double noise_multiplier() const { return static_cast<double>(release.noise_multiplier); }
  double steps() const { return static_cast<double>(release.steps); }
};

}  // namespace sotto::oracle
