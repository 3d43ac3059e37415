#pragma once
// Small models for the evidence of independence: some leak between records, some only look like it.

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <sotto/optim/explain_model.h>
#include <torch/torch.h>

#include <functional>
#include <string>
#include <vector>

namespace sotto::optim::testing {

using torch::Tensor;
using Tensors = std::vector<Tensor>;

struct ZooModel {
  std::string name;
  std::function<Tensor(const Tensors& parameters, const Tensors& inputs)> losses;
  std::vector<std::string> says = {};  // what the refusal names
  std::vector<at::IntArrayRef::value_type> record = {5};
  std::vector<at::IntArrayRef::value_type> weight = {3, 5};
  Tensors constants = {};
  std::vector<InputSpec> more_inputs = {};
  int64_t batch = 4;
};

inline Explanation examine(const ZooModel& model) {
  at::set_num_threads(1);  // the models are too small to share
  torch::manual_seed(3);
  const Tensors parameters = {torch::randn(model.weight).requires_grad_()};
  std::vector<InputSpec> specs = {{.sizes = model.record, .low = -1.0, .high = 1.0}};
  specs.insert(specs.end(), model.more_inputs.begin(), model.more_inputs.end());
  return explain_model({{"net.weight", parameters[0]}}, model.constants, specs,
                       [&](const Tensors& inputs) { return model.losses(parameters, inputs); }, {.batch = model.batch});
}

inline Tensor logits(const Tensors& p, const Tensors& x) {
  return torch::linear(x[0], p[0]);
}

inline Tensor per_record(const Tensor& activation) {
  return activation.flatten(1).pow(2).sum(1);
}

}  // namespace sotto::optim::testing
