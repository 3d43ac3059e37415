#pragma once
// Exact accounting by the contour integral, with bounds on every error.
//
// For a composition with loss L and M(z) = E[exp(z L)],
//
//   delta(epsilon) = 1 / (2 pi i) * integral over Re z = c of M(z) e^(-z epsilon) / (z (z + 1)) dz,   c > 0
//
// (Zhu, Dong, Wang, AISTATS 2022; the line goes through the saddle point, Alghamdi et al., ICML 2023). The trapezoidal
// rule of step h sums e^(c m) delta(epsilon + m) over all multiples m of the period 2 pi / h (Poisson's summation), so
// it is exactly delta plus terms that are not negative and have Chernoff bounds. Nodes that are left out are bounded by
// the decay of |M|, and rounding by the bounds of loss_moment.h: the result is a bracket that holds in floating point.
//
// The cost does not grow with the number of releases. Where inclusions are so rare that |M| hardly decays (expected
// inclusions of one record over the whole run below about one) what is left out is bounded by contour_tail.h instead,
// in direction `remove` and without plain Gaussian releases: tenths of a second, and less narrow than the PLD below a
// hundredth of an inclusion. Elsewhere the engine refuses.

#include <sotto/privacy/bracket.h>
#include <sotto/privacy/event.h>
#include <sotto/privacy/merged_events.h>
#include <sotto/privacy/rdp.h>

namespace sotto::privacy {

// Immutable; safe to share between threads.
class ContourAccountant {
 public:
  // Throws UsageError when an event is invalid or the adjacency is not supported.
  ContourAccountant(Adjacency adjacency, const Event& event);

  // add_remove and zero_out.
  static bool supports(Adjacency adjacency);

  Adjacency adjacency() const { return adjacency_; }

  // The larger of both directions; 0 < delta < 1. Throws UsageError where no bracket can be certified.
  Bracket epsilon(double delta) const;
  // One direction alone.
  Bracket epsilon(double delta, Direction direction) const;

  // finite epsilon >= 0.
  Bracket delta(double epsilon) const;
  Bracket delta(double epsilon, Direction direction) const;

 private:
  Adjacency adjacency_;
  MergedEvents events_;
};

}  // namespace sotto::privacy
