#pragma once
// The release boundary of sums on the lattice: the only way from a LatticeSum to a PrivateGradient.
//
//   release = ( sum + N_Z(0, s^2) in every coordinate ) * S / (D * divisor)
//
// sum and noise are integers: the sum is exact, and the noise is drawn exactly (privacy/discrete_gaussian.h) from
// ChaCha20, under labels that name the step and the part of the vector. The product with S / (D divisor) comes after
// the noise; it is computed in double and rounded to the parameter's sum_dtype(), which uses nothing but what is
// already private. So attacks on the low-order bits of floating-point noise (Mironov, CCS 2012; arXiv:2207.13793) find
// nothing here: this is the one release that is called secure. How long the noise takes to draw depends on the noise:
// who can time it is not defended against.
//
// The charge lies on the device before the first random bit is drawn. s^2 and D^2 are the integers that it states.

#include <sotto/optim/lattice_sum.h>
#include <sotto/optim/private_gradient.h>
#include <sotto/privacy/ledger.h>
#include <sotto/privacy/secret_key.h>

#include <cstdint>

namespace sotto::optim {

class LatticeMechanism {
 public:
  // Charges the ledger's next step, then adds noise. Whatever the ledger throws leaves nothing released.
  PrivateGradient release(LatticeSum&& sum, privacy::Ledger& ledger) const;

  // Starts writing the charge of the next release, of a sum with this sensitivity, while that sum is still computed.
  void begin_charge(double sensitivity, privacy::Ledger& ledger) const;

 private:
  friend class PrivateTraining;  // as GaussianMechanism
  friend struct LatticeMechanismTestAccess;

  // event: of a lattice whose squared norm is D^2, UsageError otherwise; divisor >= 1, the expected batch size.
  LatticeMechanism(privacy::StepEvent event, int64_t divisor, privacy::SecretKey noise_key);

  privacy::StepEvent event_;
  int64_t divisor_;
  privacy::SecretKey noise_key_;
};

}  // namespace sotto::optim
