#pragma once
// The reference that every per-record rule is checked against: LibTorch's own autograd, run on one record at a time.

#include <sotto/optim/tape.h>
#include <torch/torch.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

namespace sotto::optim::testing {

using Losses = std::function<torch::Tensor(const std::vector<torch::Tensor>&)>;

struct Model {
  std::vector<NamedParameter> parameters;
  std::vector<torch::Tensor> constants;
  std::vector<torch::Tensor> inputs;
  Losses losses;
};

inline std::vector<NamedParameter> named(const torch::nn::Module& module) {
  std::vector<NamedParameter> result;
  for (const auto& item : module.named_parameters()) {
    if (item.value().requires_grad()) result.push_back({item.key(), item.value()});
  }
  return result;
}

// Gradients of every record: [record][parameter].
inline std::vector<std::vector<torch::Tensor>> one_record_at_a_time(const Model& model) {
  std::vector<torch::Tensor> parameters;
  for (const NamedParameter& parameter : model.parameters) parameters.push_back(parameter.tensor);
  std::vector<std::vector<torch::Tensor>> result;
  for (int64_t i = 0; i < model.inputs[0].size(0); ++i) {
    std::vector<torch::Tensor> record;
    for (const torch::Tensor& input : model.inputs) record.push_back(input.slice(0, i, i + 1));
    auto gradients = torch::autograd::grad({model.losses(record).sum()}, parameters, {}, false, false, true);
    for (size_t p = 0; p < parameters.size(); ++p) {
      if (!gradients[p].defined()) gradients[p] = torch::zeros_like(parameters[p]);
    }
    result.push_back(std::move(gradients));
  }
  return result;
}

inline torch::Tensor of_one_group(const std::vector<float>& weights) {
  return torch::tensor(weights).unsqueeze(0);
}

struct Errors {
  double norm = 0.0;      // largest relative error of a record's norm
  double weighted = 0.0;  // largest error of the weighted sum, relative to its largest element, over parameters
  bool bounded = true;    // no norm bound fell below the true norm
};

inline Errors compare(const Model& model, TapeOptions options = {}) {
  Tape tape(model.parameters, model.constants, {}, options);
  PerRecordGradients gradients = tape.run(model.inputs, model.losses);
  const auto oracle = one_record_at_a_time(model);
  const auto records = static_cast<int64_t>(oracle.size());

  Errors errors;
  std::vector<float> weights;
  for (int64_t i = 0; i < records; ++i) {
    double squared = 0.0;
    for (const torch::Tensor& g : oracle[static_cast<size_t>(i)])
      squared += g.to(torch::kDouble).pow(2).sum().item<double>();
    const double truth = std::sqrt(squared);
    const double computed = std::sqrt(std::max(0.0, gradients.squared_norms(0).computed[i].item<double>()));
    errors.norm = std::max(errors.norm, std::abs(computed - truth) / std::max(truth, 1e-30));
    const double rounding = model.parameters[0].tensor.scalar_type() == torch::kFloat ? 1e-5 : 1e-12;
    errors.bounded = errors.bounded && gradients.norm_bound(0, i) >= truth * (1.0 - rounding);
    weights.push_back(0.25f + 0.125f * static_cast<float>(i % 5));
  }
  std::vector<torch::Tensor> sums;
  for (const NamedParameter& parameter : model.parameters)
    sums.push_back(torch::zeros(parameter.tensor.sizes(), parameter.tensor.options().requires_grad(false)));
  gradients.add_weighted(of_one_group(weights).to(sums[0].device()), sums);
  for (size_t p = 0; p < sums.size(); ++p) {
    torch::Tensor truth = torch::zeros_like(sums[p], torch::kDouble);
    for (int64_t i = 0; i < records; ++i) {
      truth +=
          oracle[static_cast<size_t>(i)][p].to(torch::kDouble) * static_cast<double>(weights[static_cast<size_t>(i)]);
    }
    // Cancellation in the sum itself is not the rule's error: relate to the sum of magnitudes.
    torch::Tensor scale = torch::zeros_like(truth);
    for (int64_t i = 0; i < records; ++i) scale += oracle[static_cast<size_t>(i)][p].to(torch::kDouble).abs();
    const double largest = std::max(scale.abs().max().item<double>(), 1e-30);
    errors.weighted =
        std::max(errors.weighted, (sums[p].to(torch::kDouble) - truth).abs().max().item<double>() / largest);
  }
  return errors;
}

}  // namespace sotto::optim::testing
