#pragma once
// A tree of events in the form that accountants work on: equal releases merged, those without sampling folded into one
// Gaussian, those without records or steps left out. The order of the events does not matter.

#include <sotto/privacy/event.h>

#include <variant>
#include <vector>

namespace sotto::privacy {

// A release that is neither a composition nor a plain Gaussian.
using SingleRelease = std::variant<PoissonSampled, WithoutReplacement, TruncatedPoisson, MixtureOfGaussians, Laplace,
                                   ApproxDp, SampledDiscreteGaussian>;

struct MergedEvents {
  struct Term {
    SingleRelease event;  // sampling rates above 0 and, of Poisson sampling, below 1; noise above 0
    double count = 0;     // finite, > 0; beyond 2^53 rounded up
  };
  std::vector<Term> terms;  // no two are equal
  // Sum of count * (sensitivity / noise)^2 over releases without sampling; above 0 whenever there is one. The
  // sensitivity in units of the clip norm is 2 under replace_one and 1 otherwise. Finite; off by a few units in the
  // last place.
  double squared_gaussian_mean = 0;
  // Something was released without noise or without any guarantee, or so often that a count or the sum above is beyond
  // the range of a double.
  bool non_private = false;

  bool empty() const { return terms.empty() && squared_gaussian_mean == 0 && !non_private; }
};

// Throws UsageError when an event is invalid, or means nothing under the adjacency: without replacement under any but
// replace_one, once per epoch under add_remove, truncated Poisson, mixtures or sampled discrete Gaussians under
// replace_one.
MergedEvents merge(Adjacency adjacency, const Event& event);

}  // namespace sotto::privacy
