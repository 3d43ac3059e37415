#pragma once
// One run of `sotto train` or `sotto resume`, from its files to its artefacts.

#include <sotto/optim/audited_training.h>
#include <sotto/optim/lr_schedule.h>
#include <sotto/optim/private_training.h>
#include <sotto/optim/step_device.h>
#include <sotto/privacy/ledger_time.h>
#include <sotto/tools/cost_figures.h>
#include <sotto/tools/plain_training.h>
#include <sotto/tools/private_metrics.h>
#include <sotto/tools/run_checkpoint.h>
#include <sotto/tools/run_folder.h>
#include <sotto/tools/run_inputs.h>
#include <sotto/tools/run_model.h>
#include <sotto/tools/stop_signal.h>
#include <sotto/tools/test_result.h>
#include <sotto/tools/training_job.h>
#include <sotto/tools/training_plan.h>

#include <chrono>
#include <memory>
#include <optional>

namespace sotto::tools {

class TrainingRun {
 public:
  // Reads the data. Throws the errors of data/ and of the plan.
  explicit TrainingRun(const TrainingJob& job);

  // Claims the folder and trains. An error before the first step was charged leaves nothing behind; after that step
  // the folder is told.
  ExitCode train();
  // Continues from the checkpoint with the ledger's spend and new keys.
  ExitCode resume();
  // Audits a run that exists, on made-up records: neither its files nor its ledger are touched but for audit.json.
  ExitCode audit();

 private:
  optim::PrivateTrainingOptions private_options(bool resume, const std::vector<size_t>& groups) const;
  std::vector<size_t> groups_of(const std::vector<optim::NamedParameter>& parameters) const;
  optim::AuditedTraining audited() const;
  // Throws DataError where it finds anything.
  void preflight() const;
  void examine();
  void catch_signals();
  void start(bool resume);
  // Of a model that subtracts one (models/centred.h), before its first step: from one planned step, or where nothing is
  // charged, from all records.
  void centre();
  ExitCode loop();
  void step();
  // The run has diverged when a parameter is infinite or not a number. Parameters are released in every step, so that
  // this tells nothing new of the records.
  void require_finite() const;
  void tell_folder();
  // The one that the job brings, or that of the folder.
  void take_part_in_tuning();
  void save();
  [[noreturn]] void refuse_without_checkpoint() const;
  static void require_charged(const std::filesystem::path& metrics, const privacy::LedgerContents& ledger);
  std::optional<double> adaptive_clip_norm() const;  // nothing for any other rule
  // On the test records, and where they are due on the private ones; goes to metrics.jsonl. Nothing without test
  // records.
  std::optional<TestResult> evaluate();
  std::optional<TestResult> tested();
  bool private_metrics_due() const;
  // Private metrics that were released before, for the early stop.
  void read_released_metrics();
  bool stops_early() const;  // by what was released
  void write_artefacts() const;
  void report(const std::optional<TestResult>& result, bool finished) const;
  int64_t steps_done() const;  // charged, or taken where nothing is charged
  std::ostream& text() const;  // for people
  models::TrainableModel& model() const { return *inputs_.model; }

  const TrainingJob& job_;
  std::optional<privacy::FixedLedgerTime> time_;  // of one of the runs of a tuning
  std::optional<LastWords> last_words_;           // before the folder is claimed or gone on with
  std::optional<StopSignal> stop_;                // from then on
  optim::StepDevice device_;                      // before anything else of LibTorch
  RunFolder folder_;
  TrainingPlan plan_;
  std::optional<CostFigures> costs_;  // nothing where no strategies are chosen
  RunInputs inputs_;                  // without the records, which are in records_, once all is made
  RecordShape shape_;                 // prepared
  optim::Records records_;
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
  std::optional<optim::LrSchedule> schedule_;
  std::unique_ptr<optim::PrivateTraining> private_;
  std::unique_ptr<PlainTraining> plain_;
  std::vector<double> released_;                // noisy accuracies of private records, in their order
  std::optional<PrivateMetrics> last_metrics_;  // of this start
  int64_t applied_steps_ = 0, updates_ = 0;     // run_checkpoint.h
  std::string declared_;                        // the same
  std::optional<double> clip_norm_;             // the same: what a run that goes on begins with
  bool told_ = false;                           // the folder
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace sotto::tools
