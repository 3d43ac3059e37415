#pragma once
// A lower bound on epsilon from one run with canaries (Steinke, Nasr, Jagielski, NeurIPS 2023;
// privacy/one_run_audit.h).
//
// To the model a parameter of m numbers is added that its results do not depend on, and to the records up to m
// canaries, each there or not by a fair coin of its own. A canary's gradient is a large multiple of one of the m unit
// vectors, so that the weight rule brings it to the largest norm it allows: the worst record there is, and m of them
// that do not get in each other's way. Sampling, weights, sum, noise and charge are those of the run. The score of a
// canary is the sum of its coordinate over all released gradients.
//
// The other records are made up, and the parameters stand still. The run audited has up to m records more than they.

#include <sotto/optim/audited_training.h>
#include <sotto/privacy/canary_guesses.h>

#include <cstdint>
#include <functional>

namespace sotto::optim {

struct CanaryAuditOptions {
  int64_t canaries = 1000;   // m, at least 20
  int64_t records = 0;       // made up, beside the canaries
  double confidence = 0.95;  // in (0, 1)
  // Called after every step, with its number from 1 and how many there are.
  std::function<void(int64_t step, int64_t steps)> progress = {};
};

struct CanaryAudit {
  privacy::OneRunBound bound;  // of epsilon, at the plan's delta
  int64_t canaries = 0;
  int64_t included = 0;
  double confidence = 0;
  double epsilon = 0;  // that of the plan: true only if it is not below bound.epsilon

  bool holds() const { return bound.epsilon <= epsilon; }
};

// All planned steps. Coins and keys come from the operating system. Throws UsageError for options out of range; what
// the model throws passes through.
CanaryAudit audit_with_canaries(const AuditedTraining& training, const CanaryAuditOptions& options = {});

}  // namespace sotto::optim
