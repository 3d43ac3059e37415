#pragma once
// What a tuning will spend and do, before it does anything: its candidates, the law of the number of runs, and the
// noise with which the whole of it meets the budget.

#include <sotto/tools/training_plan.h>
#include <sotto/tools/tuning_grid.h>
#include <sotto/tools/tuning_ledger.h>
#include <sotto/tools/tuning_record.h>

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace sotto::tools {

struct TuningQuestion {
  KeyTexts given;  // flags and file, without what is tried
  TrainKey::Use runs = TrainKey::Use::pictures;
  std::vector<std::string> tries;       // as typed: NAME=VALUE,VALUE
  std::string law = "logarithmic";      // geometric, eta of a truncated negative binomial law, poisson
  std::optional<double> expected_runs;  // its mean; twice as many as candidates, unless given
};

struct TuningPlan {
  TuningGrid grid;
  TuningRecord record;
  std::vector<TrainOptions> options;  // of a run with each candidate: without epsilon, with the noise
  std::vector<TrainingPlan> plans;    // the same
  std::optional<double> target;       // --epsilon
  double epsilon = 0;                 // upper bound for the whole
};

// `time`: when it is planned, UTC. Throws UsageError in one sentence for what is not allowed: no score on public tests,
// tests that are the private records, rule none, a test seed, candidates of which one does not go or spends something
// else; and as make_training_plan().
TuningPlan make_tuning_plan(const TuningQuestion& question, const std::string& time);

// The law of `name` with that mean.
privacy::SelectionRuns law_of_runs(const std::string& name, double mean);
// The least number that the runs do not exceed with this probability, in double arithmetic: to be told, not relied on.
std::int64_t most_runs(const privacy::SelectionRuns& runs, double probability);

// For people, several lines; and the same as an object.
std::string describe(const TuningPlan& plan);
nlohmann::ordered_json to_json(const TuningPlan& plan);

// What the ledger of the working folder begins with.
TuningStart start_of(const TuningPlan& plan, const std::string& output);

}  // namespace sotto::tools
