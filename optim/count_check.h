#pragma once
// Whether the count of a step of the rule adaptive (adaptive_clip_norm.h) has the noise that is accounted for. The
// count is read out of what the clip norm moved by, which is what the count is for, in runs of one number without
// records: what moves the clip norm then is noise, divided by the expected batch size, and nothing else.
//
//   the count's noise           standard deviation count_noise, mean 0
//   and that of the gradient    uncorrelated: neither is the other's
//   between steps               uncorrelated
//   the count that is told      moved the clip norm

#include <sotto/optim/audited_training.h>

#include <cstdint>
#include <vector>

namespace sotto::optim {

inline constexpr int64_t kCountCheckDraws = 1000;  // the standard deviation is then known to 2.3 %

// Steps of as many starts as so many draws need, each of up to 16 steps of the plan, with keys from the operating
// system. False alarms as in noise_check.h. Throws what PrivateTraining throws; the rule must be adaptive.
std::vector<AuditFinding> check_count(const AuditedTraining& training, int64_t draws = kCountCheckDraws);

}  // namespace sotto::optim
