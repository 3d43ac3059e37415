#pragma once
// The loss of one release on a lattice, from above and from below.
//
// From above (Doroshenko, Ghazi, Kamath, Kumar, Manurangsi, Connect the Dots, PoPETs 2022): the loss of a cell between
// two lattice points e and e + h is moved to both so that its P-mass p and its Q-mass q stay what they are,
//
//   mass at e + h:  (p - q e^e) / (1 - e^-h),   mass at e: the rest of p.
//
// By Jensen's inequality delta never falls. Cells are taken from positive masses and never from differences of delta;
// rounding of p, q and the cell's ends is added to the upper point, where it costs some units of roundoff of loss.
//
// From below: a cell around a lattice point becomes one atom of loss log(p / q), which is post-processing and so never
// raises delta. An atom beside its lattice point is merged with just as much of a neighbour as brings it there, which
// is post-processing too; where there is not enough, the cell takes in the next one, or the atom is rounded down. The
// error of both sides is O(h^2) per release.
//
// The lattice passes through the loss of the bulk, so that what nearly every step does costs nothing in either
// direction.

#include <sotto/privacy/one_step_loss.h>

#include <cstdint>
#include <vector>

namespace sotto::privacy {

struct LossLattice {
  double step = 0;
  double offset = 0;          // losses are offset + index * step
  std::int64_t first = 0;     // index of the first element of both
  std::vector<double> upper;  // masses under P, each not below the exact one
  std::vector<double> lower;  // masses under P, each not above the exact one
  double upper_infinity = 0;  // mass whose loss counts as infinite
  double lower_infinity = 0;
  double upper_shift = 0;  // every loss of `upper` may in truth be larger by this
  double lower_shift = 0;  // every loss of `lower` may in truth be smaller by this
};

// Largest number of lattice points of one release.
inline constexpr std::int64_t kLargestLattice = std::int64_t{1} << 24;
inline constexpr double kLargestStep = 100;

// step: 0 < step <= kLargestStep. tail in (0, 1): P-mass at either end that may be moved to infinity, to the nearest
// point, or left out. Throws UsageError when the losses need more than kLargestLattice points. O(points).
LossLattice discretise(const OneStepLoss& loss, double step, double tail);

// Extent of the losses that are not in those tails.
double loss_range(const OneStepLoss& loss, double tail);

}  // namespace sotto::privacy
