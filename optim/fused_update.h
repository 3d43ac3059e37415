#pragma once
// The update of an optimizer whose arithmetic is known, element by element, so that noise, division and update take one
// pass over memory (kernels/noisy_update.h). The optimizer's own state is used and kept: it can be saved, loaded and
// stepped as ever.

#include <sotto/kernels/noisy_update.h>
#include <sotto/optim/named_parameter.h>
#include <torch/optim/optimizer.h>

#include <optional>
#include <vector>

namespace sotto::optim {

class FusedUpdate {
 public:
  // Nothing unless the optimizer is torch::optim::SGD, Adam or AdamW itself (no class derived from one), without
  // amsgrad, and every parameter is held by it, in float or double, dense and contiguous in memory of the processor.
  // Reads the options as they are now: made afresh for every step. Changes nothing.
  static std::optional<FusedUpdate> of(torch::optim::Optimizer& optimizer,
                                       const std::vector<NamedParameter>& parameters);

  // Adds the noise to the sum of tensor t, divides, and updates parameter t in place; once for each t. `sum` has the
  // parameter's sizes and dtype and is contiguous; `noise` is that of the tensor's first element. Clears the
  // parameter's .grad, which is of an earlier step.
  void apply(size_t t, const at::Tensor& sum, const kernels::TensorNoise& noise);

 private:
  enum class Kind { sgd, adam, adamw };
  struct Entry {
    at::Tensor parameter;
    const torch::optim::OptimizerOptions* options;  // of its group
  };
  FusedUpdate(Kind kind, torch::optim::Optimizer& optimizer, std::vector<Entry> entries)
      : kind_(kind), optimizer_(&optimizer), entries_(std::move(entries)) {}

  template <class T>
  void apply_sgd(const Entry& entry, const at::Tensor& sum, const kernels::TensorNoise& noise);
  template <class T, class Options, class State>
  void apply_adam(const Entry& entry, const at::Tensor& sum, const kernels::TensorNoise& noise);

  Kind kind_;
  torch::optim::Optimizer* optimizer_;
  std::vector<Entry> entries_;
};

}  // namespace sotto::optim
