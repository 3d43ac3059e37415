#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>
#include <sotto/optim/corrected_adam.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

namespace sotto::optim {
namespace {

void check(const char* what, double value) {
  if (!(std::isfinite(value) && value >= 0))
    throw UsageError(fmt::format("[CorrectedAdam] {}: {}; must be finite and at least 0", what, value));
}

}  // namespace

CorrectedAdam::CorrectedAdam(std::vector<at::Tensor> parameters, double noise_stddev,
                             torch::optim::AdamWOptions options, double floor)
    : CorrectedAdam(std::vector{torch::optim::OptimizerParamGroup(std::move(parameters))}, noise_stddev,
                    std::move(options), floor) {}

CorrectedAdam::CorrectedAdam(std::vector<torch::optim::OptimizerParamGroup> groups, double noise_stddev,
                             torch::optim::AdamWOptions options, double floor)
    : AdamW(std::move(groups), options), variance_(noise_stddev * noise_stddev), floor_(floor) {
  check("noise_stddev", noise_stddev);
  check("floor", floor);
  if (options.amsgrad()) throw UsageError("[CorrectedAdam] amsgrad: true; must be false, it has no correction");
}

torch::Tensor CorrectedAdam::step(LossClosure closure) {
  torch::Tensor loss;
  if (closure != nullptr) loss = closure();
  const at::NoGradGuard no_grad;
  for (auto& group : param_groups()) {
    const auto& options = static_cast<const torch::optim::AdamWOptions&>(group.options());
    for (at::Tensor& parameter : group.params())
      if (parameter.grad().defined()) update(parameter, options);
  }
  return loss;
}

void CorrectedAdam::update(at::Tensor& parameter, const torch::optim::AdamWOptions& options) {
  auto& slot = state()[parameter.unsafeGetTensorImpl()];
  if (slot == nullptr) slot = std::make_unique<torch::optim::AdamWParamState>();
  auto& state = static_cast<torch::optim::AdamWParamState&>(*slot);
  if (!state.exp_avg().defined()) state.exp_avg(at::zeros_like(parameter));
  if (!state.exp_avg_sq().defined()) state.exp_avg_sq(at::zeros_like(parameter));
  state.step(state.step() + 1);

  const auto [beta1, beta2] = options.betas();
  const at::Tensor& gradient = parameter.grad();
  state.exp_avg().mul_(beta1).add_(gradient, 1 - beta1);
  state.exp_avg_sq().mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
  const auto t = static_cast<double>(state.step());
  const double mean = 1 - std::pow(beta1, t), squares = 1 - std::pow(beta2, t);
  const double floor = floor_ > 0 ? floor_ : variance_ * std::sqrt(2 * (1 - beta2) / (1 + beta2));
  // Where all gradients were 0 there is no scale, and no movement either.
  const double least = std::max(floor, static_cast<double>(std::numeric_limits<float>::min()));
  const at::Tensor scale = state.exp_avg_sq().div(squares).sub_(variance_).clamp_min_(least).sqrt_();
  parameter.mul_(1 - options.lr() * options.weight_decay());
  parameter.addcdiv_(state.exp_avg(), scale, -options.lr() / mean);
}

}  // namespace sotto::optim
