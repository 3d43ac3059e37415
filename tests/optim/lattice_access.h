#pragma once
// Opens the release on the lattice for tests of what holds before noise is added, and of the noise alone. Nothing
// outside tests/ may include this.

#include <sotto/optim/lattice_mechanism.h>

namespace sotto::optim {

struct LatticeSumTestAccess {
  static const std::vector<std::int64_t>& integers(const LatticeSum& sum) { return sum.integers_; }
};

struct LatticeMechanismTestAccess {
  static LatticeMechanism make(privacy::StepEvent event, int64_t divisor, privacy::SecretKey noise_key) {
    return {event, divisor, std::move(noise_key)};
  }
};

}  // namespace sotto::optim
