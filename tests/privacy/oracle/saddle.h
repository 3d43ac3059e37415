#pragma once
// The saddle-point approximation of delta(epsilon), in double precision: it places contours and starts searches. No
// result rests on it.

#include "release.h"

namespace sotto::oracle {

// log E[exp(c loss)] of one release and its first two derivatives in c, the loss having the law of the first of the
// pair.
struct LogMoment {
  double value;
  double mean;
  double variance;
};
LogMoment log_moment(const Law& law, double abscissa);

// The c > 0 that minimises M(c)^T exp(-c epsilon) / (c (c + 1)).
double saddle_abscissa(const Law& law, double epsilon);
// Approximation of log delta at epsilon.
double approximate_log_delta(const Law& law, double epsilon);
// Approximation of the epsilon at delta; 0 where it would be negative.
double approximate_epsilon(const Law& law, double log_delta);

}  // namespace sotto::oracle
