#pragma once
// The exact epsilon and delta of T-fold composed Poisson-subsampled Gaussian releases, for judging accountants: test
// only, and written from the definitions alone, without a line of privacy/.
//
// Closed forms at 100 digits for one release and for sampling rate 1. Otherwise Laplace inversion in 36 digits
// (inversion.h), done twice with different contours and steps; a value is given only when both agree within
// kAgreement, relative to the value, and is undecided otherwise. So a decided epsilon is good to 1e-11 relative to
// itself, unless both sums err in the same way; against golden values of 17 digits the error is below 1e-15, and
// against direct integration of two releases below the 1e-11 that the integration is good for.

#include "release.h"

namespace sotto::oracle {

inline constexpr double kAgreement = 1e-11;

// Nothing means undecided.
using Answer = std::optional<Real>;

// Least epsilon >= 0 with delta(epsilon) <= delta; 0 < delta < 1.
Answer exact_epsilon(const Release& release, Side side, const Real& delta);
// The larger of both sides. The smaller one need not be decided where a Chernoff bound shows it to be smaller.
Answer exact_epsilon(const Release& release, const Real& delta);
// epsilon >= 0.
Answer exact_delta(const Release& release, Side side, const Real& epsilon);

}  // namespace sotto::oracle
