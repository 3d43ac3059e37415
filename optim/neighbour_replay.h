#pragma once
// One private step on made-up records D and on a neighbour of them, with the same coins: what the released sum moves by
// is what one record can do, and must not exceed the sensitivity that the noise is scaled to. Everything else - number
// and shapes of forward passes, random draws, divisor, charge - must be the same.
//
// The pipeline is a black box: with a test seed sampling and noise of both runs are equal, so that the difference of
// the released gradients, times the declared divisor, is the difference of the sums (rounded in the release's dtype).
//
//   neighbour of D                      must move the sum by
//   nothing drawn is added              nothing at all: records that were not drawn, and their number, reach nothing
//   the same, where D is empty          nothing at all: an empty sample is not filled from the records that are there
//   one made-up record                  at most S
//   one a million times larger          at most S (floating-point inputs)
//   one, all losses times 1/30 .. 30    at most S: weights of smaller and larger gradients
//   one that is not a number            nothing
//   one, where D is empty               at most S
//   one, where nothing of D is drawn    at most S
//
// And what must make no difference to one D at all: the size of the physical batches, and whether noise and update take
// one pass over memory (fused_update.h) or the gradient is stored, in the first step and in the second.

#include <sotto/optim/audited_training.h>

#include <cstdint>
#include <vector>

namespace sotto::optim {

// `seed` makes the records and the coins. Tolerance: 1e-3 S, and what rounding of the released floats can make of their
// difference. Every case costs two steps or three of about `kReplayedBatch` records. Physical batches are not compared
// for a model that draws random numbers, nor records that are not drawn where the sampling rate is 1. Throws UsageError
// for inputs that are not declared; what the model throws passes through.
inline constexpr int64_t kReplayedBatch = 8;
std::vector<AuditFinding> replay_neighbours(const AuditedTraining& training, uint64_t seed);

}  // namespace sotto::optim
