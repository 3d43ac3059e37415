#pragma once
// Whether the noise of a private step is what is accounted for: steps of a run without records release noise alone,
// from the same stream, with the same keys from the operating system, as a run with records.
//
//   every tensor, all of them   standard deviation noise_multiplier * S, mean 0; share beyond one, two and three
//                               standard deviations, which a normal law decides
//   every element               the sum of its squares over all steps is that of normal draws, and it moves at all
//   within a tensor             neighbouring elements uncorrelated
//   between steps, tensors,     uncorrelated
//   starts of the program
//   the count of adaptive       count_check.h
//   ledger                      states the noise multiplier and the sensitivity that the plan and the rule have
//
// Every statistic is compared with its normal approximation at kNoiseCheckZ standard errors: false alarms have
// probability below 1e-8 each, where enough numbers were drawn for the approximation (they are).

#include <sotto/optim/audited_training.h>

#include <cstdint>
#include <vector>

namespace sotto::optim {

inline constexpr double kNoiseCheckZ = 6.0;
inline constexpr int64_t kNoiseCheckDraws = 2'000'000;  // at least, over all tensors; sigma is then known to 0.3 %

// How far a sum of squares of so many standard normal draws is from their number, in standard errors.
double score_of_squares(double squares, double count);

// Two starts of a run, each of as many steps as `draws` needs (at least 2 and, where the plan is shorter, its steps).
// Throws what PrivateTraining throws.
std::vector<AuditFinding> check_noise(const AuditedTraining& training, int64_t draws = kNoiseCheckDraws);

}  // namespace sotto::optim
