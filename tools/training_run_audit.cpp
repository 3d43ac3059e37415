// The audits of a run: of one that exists, and the preflight of one that begins.

#include <fmt/format.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/audit_report.h>
#include <sotto/tools/training_run.h>

#include <ostream>

namespace sotto::tools {

optim::AuditedTraining TrainingRun::audited() const {
  const std::vector<optim::NamedParameter> parameters = trainable_parameters(model());
  const std::vector<size_t> groups = groups_of(parameters);
  return {.parameters = parameters,
          .groups = groups,
          .options = private_options(false, groups),
          .losses = losses_of(model())};
}

void TrainingRun::preflight() const {
  if (!plan_.privacy)
    throw UsageError("[--preflight] has no effect: with the rule none there is nothing to be audited");
  const AuditReport report = audit_training(audited(), {}, *job_.err);
  text() << fmt::format("preflight         {} checks in {:.1f} s\n", report.findings.size(), report.seconds);
  if (report.holds()) return;
  throw DataError(
      fmt::format("[--preflight] {}; nothing was charged and no record was read. All that was looked at:\n{}",
                  first_problem(report), to_text(report)));
}

ExitCode TrainingRun::audit() {
  if (!plan_.privacy) throw UsageError("[audit] the run is NOT PRIVATE: there is nothing to be audited");
  output_sizes(model(), shape_, 2);
  const AuditReport report = audit_training(audited(), job_.audit, *job_.err);
  privacy::write_file_atomically(folder_.audit(), to_json(report) + "\n");
  *job_.out << (job_.json ? to_json(report) + "\n" : to_text(report));
  return report.holds() ? ExitCode::done : ExitCode::bad_data;
}

}  // namespace sotto::tools
