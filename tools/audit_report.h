#pragma once
// The audits of a private step (optim/neighbour_replay.h, noise_check.h, sampler_check.h, mechanism_replays.h,
// canary_audit.h), one after the other, and what they found.

#include <sotto/optim/audited_training.h>
#include <sotto/optim/canary_audit.h>
#include <sotto/optim/mechanism_replays.h>
#include <sotto/tools/training_job.h>

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace sotto::tools {

struct AuditReport {
  std::vector<optim::AuditFinding> findings;
  std::optional<optim::MechanismReplays> replays;
  std::optional<optim::CanaryAudit> canaries;
  double delta = 0;
  double seconds = 0;

  bool holds() const;
};

// Neighbours, noise, sampling; with flags.replays many of the mechanism; with flags.canaries a run with canaries.
// Everything on made-up records. Progress goes to `err` on a terminal. Throws UsageError for flags out of range; what
// the model throws passes through.
AuditReport audit_training(const optim::AuditedTraining& training, const AuditFlags& flags, std::ostream& err);

std::string to_text(const AuditReport& report);
std::string to_json(const AuditReport& report);
// Of a report that does not hold: "noise of all parameters: standard deviation 0.5000 of the stated one ...".
std::string first_problem(const AuditReport& report);

}  // namespace sotto::tools
