#pragma once
// Sums the weighted per-record gradients of a logical batch, physical batch by physical batch.

#include <sotto/optim/clipped_sum.h>
#include <sotto/optim/tape.h>
#include <sotto/optim/weight_rule.h>

#include <functional>
#include <vector>

namespace sotto::optim {

// Maps a physical batch of B records to their B losses.
using Losses = std::function<at::Tensor(const std::vector<at::Tensor>& inputs)>;

class Clipper {
 public:
  // `groups[p]` is the group of parameter p; empty unless the rule is per group. Throws UsageError when the numbers of
  // groups disagree.
  Clipper(std::vector<NamedParameter> parameters, std::vector<at::Tensor> constants, WeightRule rule,
          std::vector<size_t> groups = {}, TapeOptions options = {});

  // Adds the records of one physical batch; active[i] = false marks padding, which adds nothing. A record whose
  // gradient is not finite adds nothing either. When it throws, all that was added since take() is forgotten.
  void add(const std::vector<at::Tensor>& inputs, const Losses& losses, const std::vector<bool>& active);

  // The sum of everything added since the last call (zeros when nothing was: an empty batch is an ordinary outcome).
  ClippedSum take();

  // Forgets what was added since the last take().
  void discard();

  // Of a rule that is adaptive, the clip norm of the sums that follow; C_0 at first. Finite and > 0, between two sums.
  void set_clip_norm(double clip_norm);
  double clip_norm() const { return clip_norm_; }

  const std::vector<NamedParameter>& parameters() const { return tape_.parameters(); }
  const WeightRule& rule() const { return rule_; }

 private:
  void add_weighted(const std::vector<at::Tensor>& inputs, const Losses& losses, const std::vector<bool>& active);

  void add_one_by_one(const std::vector<at::Tensor>& inputs, const Losses& losses, const std::vector<bool>& active);

  // [groups, B] in float, 0 for padding, and for a record with a gradient that is not finite in any group.
  at::Tensor weights_of(const PerRecordGradients& gradients, const std::vector<bool>& active) const;

  // Where the rule is adaptive: adds to count_ what the active records with a finite gradient are.
  void add_count(const SquaredNorms& norms, const std::vector<bool>& active);

  Tape tape_;
  WeightRule rule_;
  double clip_norm_;
  double count_ = 0;
  std::function<void(std::string_view phase)> phase_ended_;
  StepDevice device_;
  bool one_by_one_ = false;
  std::vector<at::Tensor> sums_;  // by parameter, not defined where nothing was added yet; empty: no sum is under way
};

}  // namespace sotto::optim
