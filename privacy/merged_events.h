#pragma once
// A composition in the form that accountants work on: equal releases merged, those without sampling folded into one
// Gaussian, those without records or steps left out. The order of the events does not matter.

#include <sotto/privacy/event.h>

#include <vector>

namespace sotto::privacy {

struct MergedEvents {
  struct Term {
    PoissonSampled event;  // 0 < sampling_rate < 1
    double count = 0;      // a sum of counts may exceed 2^53; it is then rounded
  };
  std::vector<Term> sampled;
  // Sum of count / noise_multiplier^2 over releases without sampling; above 0 whenever there is one.
  double squared_gaussian_mean = 0;

  bool empty() const { return sampled.empty() && squared_gaussian_mean == 0; }
};

// Throws UsageError when an event is invalid.
MergedEvents merge(const Composed& events);

}  // namespace sotto::privacy
