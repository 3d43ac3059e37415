#pragma once
// The checkpoint of a run: what is trained, what was found out of the data (models/centred.h), what the optimizer
// keeps, lr, numbers of applied steps and of updates, the clip norm that an adaptive rule reached, the head of the
// ledger at that moment, and what the run declared of its data and model. Neither keys nor positions of noise or
// sampler are in it: a continued run draws new ones.
//
// A private run goes on from one that its ledger knows: checkpoint_anchor.h.

#include <sotto/models/trainable_model.h>
#include <sotto/privacy/atomic_file.h>
#include <torch/optim/optimizer.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace sotto::tools {

struct RunCheckpoint {
  int64_t applied_steps = 0;  // steps of which the model has seen the result; at most the steps charged
  int64_t updates = 0;        // those that the optimizer took, at most applied_steps
  std::string ledger_head;    // SHA-256 of the ledger's last line; empty without a ledger
  double lr = 0;              // of the run, before a schedule; > 0, required in the file
  std::string declared;       // declaration_sha256() when the run began
  std::optional<double> clip_norm = std::nullopt;  // reached by the rule adaptive, of which it is required; > 0
};

// The file appears whole or not at all, once `before_rename` was called. Throws IoError, and what that throws.
void save_run_checkpoint(const std::filesystem::path& path, models::TrainableModel& model,
                         torch::optim::Optimizer& optimizer, const RunCheckpoint& state,
                         const privacy::BeforeRename& before_rename = {});

// Fills model and optimizer. Throws UsageError when there is no such file and DataError when it does not fit.
RunCheckpoint load_run_checkpoint(const std::filesystem::path& path, models::TrainableModel& model,
                                  torch::optim::Optimizer& optimizer);

}  // namespace sotto::tools
