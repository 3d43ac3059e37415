#pragma once
// Renyi accountant for compositions of sampled and unsampled releases (release_rdp.h lists the curves).
//
// Adds the RDP curves of the releases (Mironov, CSF 2017, proposition 1) and converts the sum at the best order
// (conversion.h). Adaptive choice of each release from the outputs of earlier ones is covered, with parameters fixed in
// advance. Every result is an upper bound on the true loss: curves are raised by kRdpRelativeMargin and conversions
// round up. Typical excess over the exact value: 8 to 15 per cent, 30 to 40 per cent when inclusions are rare. Where
// every release is pure, the sum of their epsilons counts as well.

#include <sotto/privacy/event.h>
#include <sotto/privacy/merged_events.h>

#include <optional>
#include <string>

namespace sotto::privacy {

// Immutable; safe to share between threads.
class RdpAccountant {
 public:
  // Throws UsageError when an event is invalid, means nothing under the adjacency (merged_events.h), or has no Renyi
  // curve. Equal events are merged, and releases without sampling are folded into one Gaussian, so the order does not
  // matter.
  RdpAccountant(Adjacency adjacency, const Event& event);
  RdpAccountant(Adjacency adjacency, MergedEvents events);

  // Why these events cannot be accounted; nothing when they can.
  static std::optional<std::string> why_unsupported(Adjacency adjacency, const MergedEvents& events);

  Adjacency adjacency() const { return adjacency_; }

  // Upper bound of the RDP of everything composed, order in [1, infinity]; +infinity when there is no bound.
  double rdp(double order) const;
  // Least epsilon at 0 <= delta < 1; delta = 0 gives infinity unless only pure releases, or none, were made. About a
  // tenth of a millisecond per distinct event.
  double epsilon(double delta) const;
  // Least delta at a finite epsilon >= 0; at most 1.
  double delta(double epsilon) const;

 private:
  Adjacency adjacency_;
  MergedEvents events_;
  double pure_epsilon_;  // upper bound; infinite unless every release is pure
};

}  // namespace sotto::privacy
