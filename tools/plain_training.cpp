#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/randperm.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <sotto/models/record_losses.h>
#include <sotto/tools/plain_training.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace sotto::tools {

PlainTraining::PlainTraining(models::TrainableModel& model, torch::optim::Optimizer& optimizer, optim::Records records,
                             int64_t batch, int64_t physical_batch, const optim::StepDevice& device)
    : model_(model),
      optimizer_(optimizer),
      records_(std::move(records)),
      batch_(batch),
      physical_batch_(physical_batch),
      device_(device) {}

std::vector<at::Tensor> PlainTraining::fetch(const std::vector<int64_t>& batch) const {
  std::vector<at::Tensor> inputs = records_.fetch(at::tensor(batch, at::kLong));
  for (at::Tensor& input : inputs) input = device_.copy_of(input);
  return inputs;
}

at::Tensor PlainTraining::mean(const std::function<at::Tensor(const std::vector<at::Tensor>&)>& vectors,
                               int64_t width) {
  const at::NoGradGuard no_grad;
  std::vector<int64_t> all(static_cast<std::size_t>(records_.count));
  std::iota(all.begin(), all.end(), 0);
  at::Tensor sum = at::zeros({width}, at::TensorOptions(at::kDouble).device(device_.where()));
  for (const std::vector<int64_t>& batch :
       optim::physical_batches(std::move(all), records_, static_cast<std::size_t>(physical_batch_)))
    sum += vectors(fetch(batch)).sum(0, /*keepdim=*/false, at::kDouble);
  return sum.div(static_cast<double>(records_.count)).to(at::kFloat);
}

void PlainTraining::step() {
  if (position_ == 0) order_ = at::randperm(records_.count, at::kLong);
  const int64_t end = std::min(position_ + batch_, records_.count);
  const auto size = static_cast<double>(end - position_);
  const at::Tensor sample = order_.slice(0, position_, end);
  const int64_t* const indices = sample.const_data_ptr<int64_t>();
  optimizer_.zero_grad();
  for (const std::vector<int64_t>& batch : optim::physical_batches({indices, indices + sample.size(0)}, records_,
                                                                   static_cast<std::size_t>(physical_batch_))) {
    const std::vector<at::Tensor> inputs = fetch(batch);
    models::record_losses(model_.forward(inputs[0]), inputs[1]).sum().div(size).backward();
  }
  optimizer_.step();
  position_ = end == records_.count ? 0 : end;
}

}  // namespace sotto::tools
