#pragma once
// Many independent replays of the mechanism of a run on two neighbouring data sets, and what can be said from them
// (privacy/replay_audit.h): its noise is not smaller, and one record does not reach further, than is accounted for.
//
//   D    no record
//   D'   one, whose gradient is a million times the clip norm: the weight rule brings it to the largest norm it allows
//
// Weight rule, sum, noise, charge and keys from the operating system are those of the run; the sampling rate is 1, so
// that every release is one Gaussian mechanism, whose mu is stated to be 1 / noise_multiplier (of the rule adaptive
// that of the sum alone, z_u: of the count count_check.h tells). One step replays it up to 10,000 times: the model is
// so many numbers (for each group of parameters), and each has a record of its own, whose gradient is there alone. A
// score is what is released of one number, along the gradient of its record. mu is bounded from below, from counts of
// scores over a threshold that a tenth of the replays choose; the others are counted.

#include <sotto/optim/audited_training.h>
#include <sotto/privacy/replay_audit.h>

#include <cstdint>
#include <functional>

namespace sotto::optim {

struct MechanismReplaysOptions {
  int64_t replays = 100'000;  // on either data set, 100 .. 10^9
  double confidence = 0.95;   // in (0, 1)
  // Called from time to time with the number of replays that are done, and of all: twice `replays`.
  std::function<void(int64_t done, int64_t all)> progress = {};
};

struct MechanismReplays {
  privacy::ThresholdAudit audit;
  double confidence = 0;
  double mu = 0;  // stated: true only if it is not below audit.mu

  bool holds() const { return audit.mu <= mu; }
};

// O(replays log replays), 16 bytes for each. Throws UsageError for options out of range, and for a noise multiplier so
// small that private training refuses it.
MechanismReplays replay_mechanism(const AuditedTraining& training, const MechanismReplaysOptions& options = {});

}  // namespace sotto::optim
