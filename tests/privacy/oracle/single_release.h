#pragma once
// Closed forms, at 100 digits: one subsampled release, and any number of releases without sampling.

#include "release.h"

namespace sotto::oracle {

// delta(epsilon) for steps = 1 or sampling_rate = 1, epsilon >= 0.
Real closed_form_delta(const Release& release, Side side, const Real& epsilon);

}  // namespace sotto::oracle
