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

#include <limits>
#include <vector>

namespace sotto::privacy {

inline constexpr double kLargestQuotientLoss = 690;  // Q-masses of larger losses are not known
inline constexpr double kLeastQMass = 1e-320;        // of a Q-mass made up of subnormal numbers, absolute error

// P- and Q-mass, with a bound of the relative error of each.
struct CellMass {
  double p = 0, q = 0, error = 0;

  CellMass() = default;
  CellMass(double p_mass, double q_mass, double relative_error) : p(p_mass), q(q_mass), error(relative_error) {}
  CellMass(const PairMass& mass) : p(mass.p), q(mass.q), error(mass.error) {}

  void add(const CellMass& other) {
    p += other.p;
    q += other.q;
    error = std::max(error, other.error) + std::numeric_limits<double>::epsilon();
  }
};

// Adds the atoms of cells[i], the mass around the point lattice.first + i, to lattice.lower; point 0, the offset, is
// among them. O(cells).
void settle_below(std::vector<CellMass> cells, LossLattice& lattice);

}  // namespace sotto::privacy
