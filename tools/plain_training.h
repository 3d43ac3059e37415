#pragma once
// The baseline without privacy: plain steps on batches of shuffled records. NOT PRIVATE.

#include <sotto/optim/step_device.h>
#include <sotto/tools/record_tensors.h>
#include <torch/optim/optimizer.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace sotto::tools {

class PlainTraining {
 public:
  // Each step uses `batch` records (fewer at the end of an epoch), `physical_batch` of them per forward pass.
  PlainTraining(models::TrainableModel& model, torch::optim::Optimizer& optimizer, optim::Records records,
                int64_t batch, int64_t physical_batch, const optim::StepDevice& device);
  void step();
  // The mean over all records of a vector that each has, [records, width] of inputs [records, ...].
  at::Tensor mean(const std::function<at::Tensor(const std::vector<at::Tensor>& inputs)>& vectors, int64_t width);

 private:
  std::vector<at::Tensor> fetch(const std::vector<int64_t>& batch) const;

  models::TrainableModel& model_;
  torch::optim::Optimizer& optimizer_;
  optim::Records records_;
  int64_t batch_;
  int64_t physical_batch_;
  optim::StepDevice device_;
  at::Tensor order_;
  int64_t position_ = 0;
};

}  // namespace sotto::tools
