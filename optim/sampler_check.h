#pragma once
// Whether a run draws its records as it is accounted for: each independently, with the plan's sampling rate q, anew in
// every step. Seen from outside, by what the run asks of its records; with keys from the operating system.
//
//   number drawn in all            Binomial(n T, q)
//   every record                   drawn as often as any other
//   sizes of batches               vary as Binomial(n, q): those of fixed size do not
//   a record in consecutive steps  together with probability q^2: shuffled batches avoid it
//   neighbouring records           together with probability q^2
//
// Each is compared with its normal approximation at kSamplerCheckZ standard errors: false alarms have probability below
// 1e-6 each, the sums being of rare events.

#include <sotto/optim/audited_training.h>

#include <vector>

namespace sotto::optim {

inline constexpr double kSamplerCheckZ = 6.0;

// T = 400 steps over n made-up records of which 25 are expected in a step, or of fewer at rates so high that they are
// 50. A rate of 1 is checked exactly. Throws what PrivateTraining throws.
std::vector<AuditFinding> check_sampler(const AuditedTraining& training);

}  // namespace sotto::optim
