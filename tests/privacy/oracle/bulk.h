#pragma once
// Where the tilted law of one release lives: the stretches of u = x / sigma that hold all of
//
//   weight(u) = exp(-u^2 / 2 + kappa log r(sigma u))
//
// but what lies `nats` below its greatest value. One stretch, or two when the law has two modes. In double precision:
// these are limits of sums, not results. They end at the law's cut.

#include <vector>

#include "release.h"

namespace sotto::oracle {

struct Stretch {
  double from;
  double to;
};

// log r at u, sampling rate q in (0, 1].
double log_ratio(double q, double sigma, double u);
// exp(y) q / (1 - q + exp(y) q), the derivative of log r in y = (u - 1 / (2 sigma)) / sigma.
double included(double q, double sigma, double u);

// log weight(u)
double log_weight(const Law& law, double kappa, double u);

std::vector<Stretch> bulk(const Law& law, double kappa, double nats);

}  // namespace sotto::oracle
