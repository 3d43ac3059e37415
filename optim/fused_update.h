#pragma once
// The update of an optimizer whose arithmetic is known, element by element, so that noise, division and update take one
// pass over memory (kernels/noisy_update.h). The optimizer's own state is used and kept: it can be saved, loaded and
// stepped as ever.

#include <sotto/kernels/noisy_update.h>
#include <sotto/optim/named_parameter.h>
#include <sotto/optim/step_device.h>
#include <torch/optim/optimizer.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace sotto::optim {

class FusedUpdate {
 public:
  // Nothing unless the optimizer is torch::optim::SGD, Adam or AdamW itself (no class derived from one), without
  // amsgrad, and every parameter is held by it, in float or double, dense and contiguous in memory of `device`. Reads
  // the options as they are now: made afresh for every step. Changes nothing.
  static std::optional<FusedUpdate> of(torch::optim::Optimizer& optimizer,
                                       const std::vector<NamedParameter>& parameters, const StepDevice& device = {});

  // Begins a step: makes what the optimizer keeps where there is none, and counts the step. What changes from step to
  // step, the noise's counter included, is written to the device's memory, where the kernels read it: a CUDA graph that
  // captured the calls of apply() draws anew when it is run after another begin().
  void begin(std::uint32_t noise_step);

  // Adds the noise to the sum of tensor t, divides, and updates parameter t in place; once for each t after begin().
  // `sum` has the parameter's sizes and dtype and is contiguous; `noise` is that of the tensor's first element, its
  // counter's step the one of begin(). Clears the parameter's .grad, which is of an earlier step.
  void apply(size_t t, const at::Tensor& sum, const kernels::TensorNoise& noise);

 private:
  enum class Kind { sgd, adam, adamw };
  struct Entry {
    at::Tensor parameter;
    const torch::optim::OptimizerOptions* options;  // of its group
    int64_t update = 0;                             // t, from 1: of Adam; of SGD 1 where no velocity is read
  };
  FusedUpdate(Kind kind, torch::optim::Optimizer& optimizer, std::vector<Entry> entries, const StepDevice& device)
      : kind_(kind), optimizer_(&optimizer), entries_(std::move(entries)), device_(device) {}

  void begin_sgd(Entry& entry);
  template <class State>
  void begin_adam(Entry& entry);
  kernels::AdamCorrection correction_of(const Entry& entry) const;
  kernels::DeviceTensorNoise on_device(size_t t, const kernels::TensorNoise& noise) const;
  template <class T>
  void apply_sgd(size_t t, const at::Tensor& sum, const kernels::TensorNoise& noise);
  template <class T, class Options, class State>
  void apply_adam(size_t t, const at::Tensor& sum, const kernels::TensorNoise& noise);

  Kind kind_;
  torch::optim::Optimizer* optimizer_;
  std::vector<Entry> entries_;
  StepDevice device_;
  at::Tensor steps_;  // on a device: a kernels::DeviceStep for each entry
};

}  // namespace sotto::optim
