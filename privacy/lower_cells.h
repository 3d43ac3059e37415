#pragma once
// The lower law of a lattice: cells of P- and Q-mass become atoms at lattice points, each at or below the loss
// log(P / Q) of the mass that it stands for, so that what is composed from them has no larger delta. Not for users:
// part of loss_lattice.h.
//
// The atom of a cell lies beside its lattice point. One that is too low goes with part of the next cell, one that is
// too high with part of what is already on the point below: the loss of second order is what remains. Where there is
// nothing to merge with, at the ends, the atom is rounded down.

#include <sotto/privacy/loss_lattice.h>
#include <sotto/privacy/loss_pair.h>

#include <algorithm>
#include <limits>
#include <vector>

namespace sotto::privacy {

inline constexpr double kLargestQuotientLoss = 690;  // Q-masses of larger losses are not known
inline constexpr double kQMassUnderflow = 1e-320;    // absolute error of a Q-mass made up of subnormal numbers

// Puts `more` into the same cell.
inline void add(PairMass& mass, const PairMass& more) {
  mass.p += more.p;
  mass.q += more.q;
  mass.error = std::max(mass.error, more.error) + std::numeric_limits<double>::epsilon();
}

// Adds the atoms of cells[i], the mass around the point lattice.first + i, to lattice.lower. There is one cell more
// than points, point 0, the offset, is among them, and the first two and last two cells are empty. P-masses are lowered
// and Q-masses raised by their errors first: rounding makes atoms lower, never higher. O(cells).
void settle_below(std::vector<PairMass> cells, LossLattice& lattice);

}  // namespace sotto::privacy
