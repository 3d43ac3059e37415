#pragma once
// What follows from TrainOptions before any record is read: the declared data, the number of steps, the privacy plan.
// Only declared quantities enter. training_plan_text.h tells it to people.

#include <sotto/privacy/plan.h>
#include <sotto/tools/declared_data.h>
#include <sotto/tools/train_options.h>
#include <sotto/tools/tuning_record.h>

#include <cstdint>
#include <optional>
#include <string>

namespace sotto::tools {

// Learning rates where none is given.
inline constexpr double kSgdLr = 4;
inline constexpr double kPlainSgdLr = 0.1;  // rule none
inline constexpr double kAdamLr = 5e-4;
inline constexpr double kFewParametersAdamLr = 2e-3;  // of head, bias and factors of low rank

inline constexpr int64_t kDefaultEpochs = 40;
inline constexpr const char* kDefaultAdaptation = "head";  // of a published model
inline constexpr const char* kDefaultPooling = "mean";     // of one of texts

struct TrainingPlan {
  DeclaredData data;
  int64_t steps = 0;
  double lr = 0;
  std::string adapt;  // what is trained of a published model or a file; empty: as it is
  int64_t physical_batch = 0;
  int64_t memory_bytes = 0;                     // 0: not said
  std::string kernel_costs;                     // cost_figures.h
  std::optional<privacy::PrivacyPlan> privacy;  // none for rule "none"
  std::optional<TuningRecord> tuning;           // of a run that is one of several; taken by take_tuning()
  double count_noise = 0;                       // of the rule adaptive; 0 of any other
  // Why the run is NOT PRIVATE; empty for a private one.
  std::string not_private;
};

// Throws UsageError for every value or combination that is not allowed, in one sentence; DataError for a bad schema of
// a table.
TrainingPlan make_training_plan(const TrainOptions& options);

// The plan becomes that of one of the runs of a tuning. Throws DataError where that planned other releases.
void take_tuning(TrainingPlan& plan, const TuningRecord& record);

// Upper bounds for all planned steps and for those that were charged, of a plan with privacy; of one of the runs of a
// tuning, for the whole of it.
double planned_epsilon(const TrainingPlan& plan);
double spent_epsilon(const TrainingPlan& plan, const privacy::Phases& charged);

// ceil(epochs * dataset_size / batch), of counts from 1 to 2^53. Throws UsageError for more than 1023 epochs.
int64_t steps_of_epochs(int64_t epochs, int64_t dataset_size, int64_t batch);

// --model, --adapt and what goes with it, of pictures and tables. Throws UsageError.
void check_adaptation(const TrainOptions& options);

// The options with everything that the plan decided filled in, so that a run can be continued from them.
TrainOptions resolved(TrainOptions options, const TrainingPlan& plan);

}  // namespace sotto::tools
