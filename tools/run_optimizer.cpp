#include <ATen/ops/zeros_like.h>
#include <sotto/optim/corrected_adam.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/run_optimizer.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

#include <string>

namespace sotto::tools {
namespace {

using torch::optim::Optimizer;

using Groups = std::vector<torch::optim::OptimizerParamGroup>;

Groups groups_of(const TrainOptions& o, const models::TrainableModel& model) {
  std::vector<at::Tensor> first, second;
  for (const models::NamedTensor& named : model.trainable())
    (!o.encoder_lr || named.name.starts_with("classifier.") ? first : second).push_back(named.tensor);
  Groups result = {torch::optim::OptimizerParamGroup(first)};
  if (!second.empty()) result.emplace_back(second);
  return result;
}

template <class State>
State& state_of(Optimizer& optimizer, const at::Tensor& parameter) {
  auto& slot = optimizer.state()[parameter.unsafeGetTensorImpl()];
  if (slot == nullptr) slot = std::make_unique<State>();
  return static_cast<State&>(*slot);
}

at::Tensor zeros(const at::Tensor& parameter) {
  return at::zeros_like(parameter.detach());
}

void add_momentum(Optimizer& optimizer, const models::NamedTensor& named, std::vector<models::NamedTensor>& to) {
  auto& state = state_of<torch::optim::SGDParamState>(optimizer, named.tensor);
  if (!state.momentum_buffer().defined()) state.momentum_buffer(zeros(named.tensor));
  to.push_back({"momentum." + named.name, state.momentum_buffer()});
}

template <class State>
void add_moments(Optimizer& optimizer, const models::NamedTensor& named, std::vector<models::NamedTensor>& to) {
  auto& state = state_of<State>(optimizer, named.tensor);
  if (!state.exp_avg().defined()) state.exp_avg(zeros(named.tensor));
  if (!state.exp_avg_sq().defined()) state.exp_avg_sq(zeros(named.tensor));
  to.push_back({"exp_avg." + named.name, state.exp_avg()});
  to.push_back({"exp_avg_sq." + named.name, state.exp_avg_sq()});
}

bool is_adam(const Optimizer& optimizer) {
  return dynamic_cast<const torch::optim::Adam*>(&optimizer) != nullptr;
}
bool is_adamw(const Optimizer& optimizer) {
  return dynamic_cast<const torch::optim::AdamW*>(&optimizer) != nullptr;
}

}  // namespace

std::unique_ptr<Optimizer> make_optimizer(const TrainOptions& o, const TrainingPlan& plan,
                                          const models::TrainableModel& model) {
  const Groups groups = groups_of(o, model);
  if (o.noise_correction) {
    // The sensitivity of every rule is the clip norm.
    const double stddev = plan.privacy->noise_multiplier() * o.clip_norm / static_cast<double>(o.batch);
    return std::make_unique<optim::CorrectedAdam>(groups, stddev,
                                                  torch::optim::AdamWOptions(plan.lr).weight_decay(o.weight_decay));
  }
  if (o.optimizer == "adam")
    return std::make_unique<torch::optim::Adam>(groups,
                                                torch::optim::AdamOptions(plan.lr).weight_decay(o.weight_decay));
  if (o.optimizer == "adamw")
    return std::make_unique<torch::optim::AdamW>(groups,
                                                 torch::optim::AdamWOptions(plan.lr).weight_decay(o.weight_decay));
  SOTTO_ASSERT(o.optimizer == "sgd");
  return std::make_unique<torch::optim::SGD>(
      groups, torch::optim::SGDOptions(plan.lr).momentum(o.momentum).weight_decay(o.weight_decay));
}

void set_lr(Optimizer& optimizer, const TrainOptions& o, const TrainingPlan& plan, double factor) {
  auto& groups = optimizer.param_groups();
  groups[0].options().set_lr(plan.lr * factor);
  if (groups.size() > 1) groups[1].options().set_lr(*o.encoder_lr * factor);
}

std::vector<models::NamedTensor> optimizer_tensors(Optimizer& optimizer, const models::TrainableModel& model) {
  std::vector<models::NamedTensor> result;
  for (const models::NamedTensor& named : model.trainable()) {
    if (is_adam(optimizer))
      add_moments<torch::optim::AdamParamState>(optimizer, named, result);
    else if (is_adamw(optimizer))
      add_moments<torch::optim::AdamWParamState>(optimizer, named, result);
    else
      add_momentum(optimizer, named, result);
  }
  return result;
}

void set_updates(Optimizer& optimizer, const models::TrainableModel& model, int64_t updates) {
  for (const models::NamedTensor& named : model.trainable()) {
    if (is_adam(optimizer)) state_of<torch::optim::AdamParamState>(optimizer, named.tensor).step(updates);
    if (is_adamw(optimizer)) state_of<torch::optim::AdamWParamState>(optimizer, named.tensor).step(updates);
  }
}

}  // namespace sotto::tools
