#pragma once
// What a run leaves when it is over or stopped: the model and what may be said about it. Whatever is interrupted in
// between is written again by a run that resumes; until then no certificate lies beside a model that it is not of.

#include <sotto/optim/private_training.h>
#include <sotto/tools/run_checkpoint.h>
#include <sotto/tools/run_folder.h>
#include <sotto/tools/run_inputs.h>
#include <sotto/tools/training_plan.h>

#include <cstdint>

namespace sotto::tools {

struct RunArtefacts {
  const RunFolder& folder;
  const TrainOptions& options;
  const TrainingPlan& plan;
  const RunInputs& inputs;
  optim::PrivateTraining* training = nullptr;  // nothing without privacy
  std::int64_t applied_steps = 0;
  bool stopped_early = false;  // by its private metrics
};

// Model, model file and, where there is a ledger, the certificate, whose hash becomes the ledger's last record before
// it takes its name. Throws IoError, and LedgerError as privacy/ledger.h says.
void write_artefacts(const RunArtefacts& run);

// Whether all planned steps were taken, or the run ended by its private metrics, and the artefacts are of the state
// after them. Throws LedgerError when the ledger does not hold the certificate that lies in the folder, because it was
// wound back, and DataError when the certificate was changed.
bool is_finished(const RunFolder& folder, const TrainingPlan& plan, const RunCheckpoint& state);

}  // namespace sotto::tools
