#pragma once
// The runs of a tuning, one after the other, and the release of the best one.

#include <sotto/privacy/error.h>
#include <sotto/tools/tuning_ledger.h>

#include <filesystem>
#include <iosfwd>
#include <optional>
#include <vector>

namespace sotto::tools {

// The candidate of every run, from keys of the operating system: their number by the law, each uniform.
std::vector<std::size_t> draw_candidates(const privacy::SelectionRuns& runs, std::size_t candidates);

struct TuningOutcome {
  ExitCode code = ExitCode::done;  // or that of a signal: nothing was released, and the tuning can go on
  // What was released; none where no run was made or all diverged.
  std::optional<std::filesystem::path> released;
  std::optional<KeyTexts> settings;
  std::optional<double> score;  // larger is better
};

// Does what the ledger does not tell of yet: draws, trains, and copies the best run to `output`, whole or not at all,
// once it verifies there. A run that was begun goes on by its own ledger. What is said on `err` tells nothing of
// scores. Throws the errors of the runs; the working folder is removed where none of them had charged a step.
TuningOutcome run_tuning(TuningLedger& ledger, const std::filesystem::path& output, std::ostream& err);

}  // namespace sotto::tools
