#pragma once
// `sotto account noise | steps | rate`: the parameter of a run that a budget allows.

#include <sotto/tools/account_answer.h>

namespace sotto::tools {

// The largest steps (epochs of a shuffle) or sampling rate (batch without replacement), or the smallest noise
// multiplier, that keeps question.epsilon at question.delta, which must be set. Without a method the first exact engine
// that can calibrate does, and all of them report the result. The upper end of the answer never exceeds the target.
// Throws UsageError that explains a budget which cannot be met.
AccountAnswer calibrate(const AccountQuestion& question, Unknown unknown);

}  // namespace sotto::tools
