#pragma once
// Accounting by privacy loss distributions: every kind of release that has a dominating pair (one_step_loss.h),
// brackets certified in floating point.
//
// The loss of each release is put on a lattice from above and from below (loss_lattice.h), and the releases are
// composed by a tilted Fourier transform (loss_composition.h), each direction on its own. The step of the lattice is
// refined until the bracket is as narrow as asked, for the direction that decides. Releases with parameters fixed in
// advance; their order does not matter.

#include <sotto/privacy/bracket.h>
#include <sotto/privacy/merged_events.h>
#include <sotto/privacy/precision.h>
#include <sotto/privacy/rdp.h>

#include <cstddef>
#include <optional>
#include <string>

namespace sotto::privacy {

// Immutable; safe to share between threads.
class PldAccountant {
 public:
  // Most points of a transform: 2^23 need about 550 MB.
  static constexpr std::size_t kMostPoints = std::size_t{1} << 23;

  // Why these events cannot be accounted; nothing when they can. Once something was released without noise, they can.
  static std::optional<std::string> why_unsupported(const MergedEvents& events);

  // Throws UsageError for events that cannot be accounted, and when the precision is out of its range.
  PldAccountant(Adjacency adjacency, MergedEvents events, const Precision& precision,
                std::size_t most_points = kMostPoints);

  // The larger of both directions; 0 <= delta < 1. delta = 0 gives infinity unless only releases of bounded loss were
  // made. Throws UsageError where no bracket can be certified. Milliseconds at the default precision.
  Bracket epsilon(double delta) const;
  Bracket epsilon(double delta, Direction direction) const;

  // finite epsilon >= 0
  Bracket delta(double epsilon) const;
  Bracket delta(double epsilon, Direction direction) const;

 private:
  bool symmetric() const;
  // The same, refined no further once the upper end is at most `enough`.
  Bracket epsilon_above(double delta, Direction direction, double enough) const;
  Bracket delta_above(double epsilon, Direction direction, double enough) const;

  Adjacency adjacency_;
  MergedEvents events_;
  Precision precision_;
  std::size_t most_points_;
};

}  // namespace sotto::privacy
