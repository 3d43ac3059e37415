#pragma once
// The release boundary: the only way from a ClippedSum to a PrivateGradient.
//
//   release = ( sum + N(0, (noise_multiplier * S)^2 I) ) / divisor
//
// (the division is a product with the rounded reciprocal: processing after the noise).
//
// Of the rule adaptive sum and count of a step are released together: S is 1 in units of the clip norm C of the step,
// and
//
//   release = ( sum + N(0, (z_u C)^2 I) ) / divisor,     count + N(0, s_b^2)
//
// with z_u so that both are as private as a sum with the event's noise multiplier (privacy/adaptive_clipping.h).
//
// S is the sensitivity that the sum carries, the divisor is a declared constant (never the size of the drawn batch).
// The charge lies on the device before the first random bit is drawn. Noise is added once per logical batch, in the
// dtype of the sums (sum_dtype.h), from ChaCha20 with counter (step, tensor, element): see kernels/gaussian_noise.h.
// That of the count is in double, with a place of its own beyond every tensor's.

#include <sotto/optim/clipped_sum.h>
#include <sotto/optim/fused_update.h>
#include <sotto/optim/private_gradient.h>
#include <sotto/optim/step_device.h>
#include <sotto/privacy/event.h>
#include <sotto/privacy/ledger.h>
#include <sotto/privacy/secret_key.h>

#include <cstdint>
#include <optional>

namespace sotto::optim {

// Throws UsageError when the noise could not be drawn: steps must stay below 2^32, which is what its counter holds, and
// the standard deviation within 1e-20 .. 1e20, far from where float numbers vanish or overflow.
void check_releasable(double noise_multiplier, double sensitivity, int64_t step);

class GaussianMechanism {
 public:
  // Charges the ledger's next step, then adds noise and divides, where the sums are: on `device`. Throws UsageError as
  // check_releasable(); whatever it or the ledger throws leaves nothing released.
  PrivateGradient release(ClippedSum&& sum, privacy::Ledger& ledger, const StepDevice& device = {});

  // The same, and the update of the parameters with it: neither noise nor noisy gradient is stored. Returns the noised
  // count where there is one.
  std::optional<double> release_into(ClippedSum&& sum, privacy::Ledger& ledger, FusedUpdate& update);

  // Starts writing the charge of the next release, of a sum with this sensitivity, while that sum is still computed.
  void begin_charge(double sensitivity, privacy::Ledger& ledger) const;

  const privacy::PoissonSampled& event() const { return event_; }

 private:
  // The event says how the records of every sum were sampled. Only the loop that draws them from a PoissonSampler can
  // know that, so only it makes a mechanism: batches of a foreign loader cannot be charged as Poisson samples.
  friend class PrivateTraining;
  friend struct GaussianMechanismTestAccess;  // as ClippedSumTestAccess, for tests of the noise alone

  // `divisor` >= 1 is the expected batch size; `count_noise`, s_b of sums with a count, and of no others. Throws
  // UsageError outside the ranges, and for an s_b that leaves the sum no noise multiplier.
  GaussianMechanism(privacy::PoissonSampled event, int64_t divisor, privacy::SecretKey noise_key,
                    std::optional<double> count_noise = std::nullopt);

  // Charges the step, and returns the noise of its first tensor, which the others differ from in the counter alone.
  kernels::TensorNoise charge(const ClippedSum& sum, privacy::Ledger& ledger);
  // With the noise of the step that `noise` is of.
  std::optional<double> noised_count(const ClippedSum& sum, const kernels::TensorNoise& noise) const;

  privacy::PoissonSampled event_;
  int64_t divisor_;
  std::optional<double> count_noise_;
  double noise_multiplier_;  // of the sum: the event's, or z_u
  privacy::SecretKey noise_key_;
};

}  // namespace sotto::optim
