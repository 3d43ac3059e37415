#pragma once
// Renyi accountant for compositions of Poisson-subsampled Gaussian releases.
//
// Adds the RDP curves of the releases (Mironov, CSF 2017, proposition 1) and converts the sum at the best order
// (conversion.h). Adaptive choice of each release from the outputs of earlier ones is covered, with parameters fixed in
// advance. Every result is an upper bound on the true loss: curves are raised by kRdpRelativeMargin and conversions
// round up. Typical excess over the exact value: 8 to 15 per cent, 30 to 40 per cent when inclusions are rare.

#include <sotto/privacy/event.h>
#include <sotto/privacy/merged_events.h>

namespace sotto::privacy {

// Immutable; safe to share between threads.
class RdpAccountant {
 public:
  // Throws UsageError when an event is invalid or the adjacency is not supported. Equal events are merged, and releases
  // without sampling are folded into one Gaussian, so the order does not matter.
  RdpAccountant(Adjacency adjacency, const Event& event);

  // add_remove and zero_out, which have the same curves. replace_one has not.
  static bool supports(Adjacency adjacency);

  Adjacency adjacency() const { return adjacency_; }

  // Upper bound of the RDP of everything composed, order in [1, infinity]; +infinity when there is no bound.
  double rdp(double order) const;
  // Least epsilon at 0 <= delta < 1; delta = 0 gives infinity unless nothing was released. About a millisecond per
  // distinct event.
  double epsilon(double delta) const;
  // Least delta at a finite epsilon >= 0; at most 1.
  double delta(double epsilon) const;

 private:
  Adjacency adjacency_;
  MergedEvents events_;
};

}  // namespace sotto::privacy
