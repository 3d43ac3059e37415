#pragma once
// One event of every kind, for tests that hold for all of them.

#include <gtest/gtest.h>
#include <sotto/privacy/event.h>

#include <string>
#include <utility>
#include <vector>

namespace sotto::privacy {

struct EventSample {
  std::string name;
  Event event;
  bool under_add_remove;
  bool under_zero_out;
  bool under_replace_one;
};

inline std::vector<EventSample> event_samples() {
  return {
      {"no_op", NoOp{}, true, true, true},
      {"non_private", NonPrivate{}, true, true, true},
      {"gaussian", Gaussian{1.1}, true, true, true},
      {"poisson_sampled", PoissonSampled{0.01, {0.7}}, true, true, true},
      {"without_replacement", WithoutReplacement{10, 1000, {3}}, false, false, true},
      {"truncated_poisson", TruncatedPoisson{0.01, 1000, 40, {2}}, true, true, false},
      {"epoch_once", EpochOnce{3, {1.5}}, false, true, true},
      {"mixture_of_gaussians", MixtureOfGaussians{1, {0, 1, 2}, {0.2, 0.6, 0.2}}, true, true, false},
      {"laplace", Laplace{1.0 / 3}, true, true, true},
      {"approx_dp", ApproxDp{0.1, 1e-6}, true, true, true},
      {"discrete_gaussian", SampledDiscreteGaussian{1, 1.1}, true, true, true},
      {"sampled_discrete_gaussian", SampledDiscreteGaussian{0.01, 0.7}, true, true, false},
  };
}

}  // namespace sotto::privacy
