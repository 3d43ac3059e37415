#pragma once
// The Renyi divergence of each kind of release as a function of the order.
//
//   release              adjacency            curve
//   PoissonSampled       add_remove, zero_out divergence on removal, which dominates addition at every order (rdp.h)
//                        replace_one          that of the replacement pair, its own reverse (renyi_nodes.h)
//   WithoutReplacement   replace_one          bound of Wang et al. (without_replacement_rdp.h)
//   MixtureOfGaussians   add_remove, zero_out the larger of both directions (renyi_nodes.h)
//   Laplace              all                  closed form (pure_rdp.h); replace_one halves the scale
//   ApproxDp, delta = 0  all                  randomised response (pure_rdp.h)
//   SampledDiscreteGaussian
//     sampling_rate < 1  add_remove, zero_out at integer orders that of PoissonSampled, and lines between them
//     sampling_rate = 1  all                  order / (2 s^2); replace_one halves s
//   ApproxDp, delta > 0  refused: a failure with probability delta has no finite divergence
//   TruncatedPoisson     refused: no bound is known here for a batch whose size depends on the record
//
// The curve of SampledDiscreteGaussian is exact at integer orders when a record's vector may have the largest norm;
// between them (order - 1) D is convex, so that the line through the neighbours is above it, as order / (2 s^2) is at
// every order; up to order 2 it is at most D_2. Proofs in privacy/README.md.
//
// Where a quadrature would need too many nodes (tiny noise, huge orders) an upper bound by convexity takes its place.

#include <sotto/privacy/adjacency.h>
#include <sotto/privacy/merged_events.h>

#include <memory>
#include <optional>
#include <string>

namespace sotto::privacy {

// Not thread-safe: what is worth keeping between orders is kept.
class ReleaseRdp {
 public:
  virtual ~ReleaseRdp() = default;
  // order in [1, infinity]. Within kRdpRelativeMargin of the exact value, or above it; never negative, never NaN.
  virtual double at(double order) = 0;
};

// Why the release has no curve under the adjacency; nothing when it has one.
std::optional<std::string> why_no_rdp(Adjacency adjacency, const SingleRelease& release);
// Throws UsageError with that reason.
std::unique_ptr<ReleaseRdp> make_release_rdp(Adjacency adjacency, const SingleRelease& release);

// The epsilon of a release that needs no delta (Laplace, ApproxDp with delta = 0); nothing for the others.
std::optional<double> pure_epsilon(Adjacency adjacency, const SingleRelease& release);

}  // namespace sotto::privacy
