// PrivateTraining::mean(): one of the planned steps, with a vector of each record in the place of its gradient.

#include <ATen/ops/linear.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <sotto/optim/private_training.h>
#include <sotto/privacy/error.h>

#include <cmath>
#include <string>
#include <vector>

namespace sotto::optim {

at::Tensor PrivateTraining::mean(const Vectors& vectors, int64_t width, double length) {
  const auto refuse = [](const std::string& why) { throw UsageError("[PrivateTraining::mean] " + why); };
  int64_t trained = 0;
  for (const NamedParameter& parameter : clipper_.parameters()) trained += parameter.tensor.numel();
  if (options_.rule.per_group()) refuse("the rule is per group; a vector is one group");
  // What check_missing_tail() allowed for a step.
  if (width < 1 || width > trained)
    refuse(fmt::format("width: {}; must be 1 to {}, the number of trained parameters", width, trained));
  if (!std::isfinite(length) || length <= 0)
    refuse(fmt::format("length: {}; must be finite and greater than 0", length));
  require_budget();

  // The gradient of -<vector, mean> is -vector, whatever the mean.
  const at::Tensor mean = at::zeros({1, width}, at::TensorOptions(at::kFloat).device(options_.tape.device.where()));
  mean.requires_grad_(true);
  const std::vector<NamedParameter> parameters = {{"mean", mean}};
  std::vector<at::Tensor> constants = options_.constants;
  for (const NamedParameter& parameter : clipper_.parameters()) constants.push_back(parameter.tensor);
  const Losses losses = [&](const std::vector<at::Tensor>& inputs) {
    return at::linear(vectors(inputs), mean).squeeze(1).neg();
  };
  probed(parameters, constants, losses);
  Clipper clipper(parameters, constants, options_.rule, {}, options_.tape);
  if (options_.rule.adaptive_clipping()) clipper.set_clip_norm(clip_norm());
  bool empty = false;
  const PrivateGradient released =
      lattice_ ? release_on_lattice(clipper, losses, empty)
               : mechanism_.release(sum_of_sample(clipper, losses, empty), ledger_, options_.tape.device);
  ended("charge and noise");
  return released.values()[0].squeeze(0).neg().div(options_.rule.at(clip_norm()).weight(length));
}

}  // namespace sotto::optim
