#pragma once
// The release boundary: the only way from a ClippedSum to a PrivateGradient.
//
//   release = ( sum + N(0, (noise_multiplier * S)^2 I) ) / divisor
//
// S is the sensitivity that the sum carries, the divisor is a declared constant (never the size of the drawn batch).
// The charge lies on the device before the first random bit is drawn. Noise is added once per logical batch, in the
// dtype of the parameters, from ChaCha20 with counter (step, tensor, element): see kernels/gaussian_noise.h.

#include <sotto/optim/clipped_sum.h>
#include <sotto/optim/private_gradient.h>
#include <sotto/privacy/event.h>
#include <sotto/privacy/ledger.h>
#include <sotto/privacy/secret_key.h>

#include <cstdint>

namespace sotto::optim {

class GaussianMechanism {
 public:
  // `divisor` >= 1 is the expected batch size. Throws UsageError outside the ranges.
  GaussianMechanism(privacy::PoissonSampled event, int64_t divisor, privacy::SecretKey noise_key);

  // Charges the ledger's next step, then adds noise and divides. Whatever the ledger throws leaves nothing released.
  PrivateGradient release(ClippedSum&& sum, privacy::Ledger& ledger);

  const privacy::PoissonSampled& event() const { return event_; }

 private:
  privacy::PoissonSampled event_;
  int64_t divisor_;
  privacy::SecretKey noise_key_;
};

}  // namespace sotto::optim
