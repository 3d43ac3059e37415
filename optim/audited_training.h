#pragma once
// A training run that is to be audited: private_training.h as a black box, on made-up records.
//
// An audit constructs runs of its own from this, with ledgers of its own in a folder for temporary files, and looks at
// what they release. It reads no private record, moves no parameter and spends nothing.

#include <sotto/optim/private_training.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace sotto::optim {

struct AuditedTraining {
  std::vector<NamedParameter> parameters;
  std::vector<size_t> groups = {};  // of a rule per group
  // Those of the run. `ledger`, `resume` and `insecure_test_seed` are the audit's own. `inputs` says what records are
  // made up; must not be empty.
  PrivateTrainingOptions options;
  Losses losses;
};

// One thing that an audit looked at.
struct AuditFinding {
  std::string subject;
  bool holds = false;
  std::string text;  // what was measured, and what is allowed
};

// `count` made-up records of 64 kinds that take turns: record i is the same for every count.
Records made_up_records(const std::vector<InputSpec>& specs, int64_t count, uint64_t seed);

// A run of the same plan and sampler whose model is one number: for what does not depend on the model.
AuditedTraining of_one_number(const AuditedTraining& training);

// The records that a run draws, step by step: what it asks of Records::fetch, which pads with records that were drawn.
class DrawnRecords {
 public:
  // `records` as before, watched. This object must outlive them.
  Records watch(Records records);
  // Of the passes since the last call: the indices drawn, in order, and the sizes of the inputs.
  struct Passes {
    std::set<int64_t> indices;
    std::set<std::vector<std::vector<int64_t>>> sizes;
  };
  Passes take() { return std::exchange(passes_, {}); }

 private:
  Passes passes_;
};

// Where an audit reads what a step released: in .grad, or in what SGD with momentum or Adam keeps of it after an update
// in one pass over memory (fused_update.h), which stores no gradient.
enum class ReadFrom { gradient, sgd, adam };

// A run over `records`, whose gradients are read and not applied (the learning rate is 0). With a test seed its coins
// can be repeated; without, they are those of a real run.
class AuditRun {
 public:
  AuditRun(const AuditedTraining& training, Records records, std::optional<uint64_t> seed,
           ReadFrom read = ReadFrom::gradient);
  ~AuditRun();
  AuditRun(const AuditRun&) = delete;
  AuditRun& operator=(const AuditRun&) = delete;

  // One step: what was released of every parameter, times the expected batch size: the sum and its noise, in double. Of
  // the rule adaptive both are in units of the step's clip norm, and one number more is the count and its noise, which
  // the clip norm moved by; sum and count are each scaled so that their noise has the standard deviation of the plan.
  // What one record moves all of it by is then at most S, as with any rule.
  std::vector<at::Tensor> step();
  // Of the rule adaptive: the noised count that the last step told.
  const std::optional<double>& told_count() const { return training_->released_count(); }
  const privacy::LedgerContents& ledger() const { return training_->ledger().contents(); }

 private:
  at::Tensor kept_of(const at::Tensor& parameter) const;
  std::vector<at::Tensor> released();

  const AuditedTraining& audited_;
  ReadFrom read_;
  std::vector<at::Tensor> kept_;  // what the optimizer had kept before the step
  std::filesystem::path folder_;
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
  std::optional<PrivateTraining> training_;
};

}  // namespace sotto::optim
