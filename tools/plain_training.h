#pragma once
// The baseline without privacy: plain steps on batches of shuffled records. NOT PRIVATE.

#include <sotto/optim/step_device.h>
#include <sotto/tools/record_tensors.h>
#include <torch/optim/optimizer.h>

#include <cstdint>

namespace sotto::tools {

class PlainTraining {
 public:
  // Each step uses `batch` records (fewer at the end of an epoch), `physical_batch` of them per forward pass.
  PlainTraining(models::TrainableModel& model, torch::optim::Optimizer& optimizer, optim::Records records,
                int64_t batch, int64_t physical_batch, const optim::StepDevice& device);
  void step();

 private:
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
