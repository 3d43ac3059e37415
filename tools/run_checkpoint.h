#pragma once
// The checkpoint of a run: what is trained, what was found out of the data (models/centred.h), what the optimizer
// keeps, lr, numbers of applied steps and of updates, the head of the ledger at that moment, what the run declared of
// its data and model, and whether the run is over. Neither keys nor positions of noise or sampler are in it: a
// continued run draws new ones.

#include <sotto/models/trainable_model.h>
#include <torch/optim/optimizer.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace sotto::tools {

struct RunCheckpoint {
  int64_t applied_steps = 0;  // steps of which the model has seen the result; at most the steps charged
  int64_t updates = 0;        // those that the optimizer took, at most applied_steps
  std::string ledger_head;    // SHA-256 of the ledger's last line; empty without a ledger
  bool finished = false;
  double lr = 0;         // of the run, before a schedule; > 0, required in the file
  std::string declared;  // declaration_sha256() when the run began
};

// The file appears whole or not at all. Throws IoError.
void save_run_checkpoint(const std::filesystem::path& path, models::TrainableModel& model,
                         torch::optim::Optimizer& optimizer, const RunCheckpoint& state);

// Fills model and optimizer. Throws UsageError when there is no such file and DataError when it does not fit.
RunCheckpoint load_run_checkpoint(const std::filesystem::path& path, models::TrainableModel& model,
                                  torch::optim::Optimizer& optimizer);

// Throws LedgerError when the ledger is missing or damaged, or does not contain the line that the checkpoint anchors:
// it was cut or belongs to another run; DataError when fewer steps are charged than the checkpoint has.
void check_anchor(const std::filesystem::path& ledger, const RunCheckpoint& state);

}  // namespace sotto::tools
