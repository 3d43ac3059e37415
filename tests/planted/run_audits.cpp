#include <sotto/optim/explain_model.h>
#include <sotto/optim/neighbour_replay.h>
#include <sotto/optim/noise_check.h>
#include <sotto/optim/sampler_check.h>
#include <torch/torch.h>

#include "../optim/private_training_fixture.h"
#include "detectors.h"

namespace sotto::testing {
namespace {

using namespace sotto::optim;
using Tensors = std::vector<Tensor>;

struct Model {
  std::string name;
  std::vector<NamedParameter> parameters;
  std::vector<InputSpec> inputs;
  Losses losses;
};

template <class... Layers>
Model sequential(const std::string& name, std::vector<InputSpec> inputs, Layers... layers) {
  torch::manual_seed(3);
  nn::Sequential net(layers...);
  return {name, trainable_parameters(*net), std::move(inputs),
          [net](const Tensors& batch) mutable { return net->forward(batch[0]).flatten(1).pow(2).sum(1); }};
}

Tensor weight(at::IntArrayRef sizes) {
  return torch::randn(sizes).requires_grad_();
}

const InputSpec kTokens = {.sizes = {9}, .dtype = at::kLong, .vocabulary = 4};  // some of them repeated

Model two_layers() {
  const nn::Sequential net = network();
  return {"two layers",
          trainable_parameters(*net),
          {{.sizes = {4}, .low = -1}, {.sizes = {}, .dtype = at::kLong, .vocabulary = 3}},
          losses_of(net)};
}

Model tied() {
  torch::manual_seed(4);
  const Tensor table = weight({4, 3});
  return {"tied weights", {{"table", table}}, {kTokens}, [table](const Tensors& batch) {
            const Tensor tokens = torch::embedding(table, batch[0]);
            return torch::linear(tokens + 1, table).pow(2).flatten(1).sum(1);
          }};
}

// Two layers with the same weight and a loss of their sum: their gradients add up.
std::vector<Model> sound_models() {
  std::vector<Model> models = {two_layers(), tied()};
  models.push_back(sequential("a layer at every position", {{.sizes = {6, 4}, .low = 0.5}}, nn::Linear(4, 5)));
  models.push_back(sequential("embedding", {kTokens}, nn::Embedding(4, 5)));
  models.push_back(
      sequential("convolution", {{.sizes = {2, 6, 6}, .low = 0.5}}, nn::Conv2d(nn::Conv2dOptions(2, 3, 3).padding(1))));
  return models;
}

void sound_models_are_accepted() {
  for (const Model& model : sound_models()) {
    const Explanation found = explain_model(model.parameters, {}, model.inputs, model.losses);
    demand(found.accepted(), model.name + ": " + (found.problems.empty() ? "refused" : found.problems[0]));
  }
}

// The analysis is to say so, not only the probe after it.
void leaking_models_are_refused() {
  const Tensor w = weight({3, 5});
  const std::vector<InputSpec> inputs = {{.sizes = {5}, .low = -1}};
  const auto refused = [&](const std::string& name, const Losses& losses, const std::string& words) {
    const Explanation found = explain_model({{"w", w}}, {}, inputs, losses);
    demand(!found.accepted(), name + " was accepted");
    demand(found.problems[0].find(words) != std::string::npos,
           name + " passed the analysis, and the probe says: " + found.problems[0]);
  };
  refused(
      "batch norm",
      [&](const Tensors& x) {
        const Tensor scores = torch::linear(x[0], w);
        return torch::batch_norm(scores, {}, {}, {}, {}, true, 0.1, 1e-5, false).pow(2).sum(1);
      },
      "batch norm in training mode");
  refused(
      "softmax over the batch", [&](const Tensors& x) { return torch::linear(x[0], w).softmax(0).pow(2).sum(1); },
      "combines different records");
}

AuditedTraining training_of(const Model& model, const WeightRule& rule, const ScratchFolder& folder) {
  privacy::PrivacyPlanOptions plan = plan_options();
  plan.steps = 64;
  plan.noise_multiplier = 1.1;
  AuditedTraining result{
      .parameters = model.parameters,
      .options = {.plan = privacy::PrivacyPlan(plan), .rule = rule, .ledger = folder.path() / "ledger.jsonl"},
      .losses = model.losses};
  result.options.physical_batch = 16;
  result.options.inputs = model.inputs;
  if (rule.per_group()) result.groups = module_groups(model.parameters);
  return result;
}

void demand_all(const std::vector<AuditFinding>& findings) {
  for (const AuditFinding& finding : findings) demand(finding.holds, finding.subject + ": " + finding.text);
}

}  // namespace

Notice probes() {
  return noticed_by([] {
    at::set_num_threads(1);  // the models are too small to share
    sound_models_are_accepted();
    leaking_models_are_refused();
  });
}

Notice audits() {
  return noticed_by([] {
    const ScratchFolder folder{ScratchFolder::memory()};
    const Model model = two_layers();
    const AuditedTraining training = training_of(model, WeightRule::psac(0.5), folder);
    demand_all(check_sampler(training));
    demand_all(check_noise(training, 100'000));
    demand_all(replay_neighbours(training, 1));
    for (const WeightRule& rule : {WeightRule::flat(0.1), WeightRule::auto_s(2.0), WeightRule::nsgd(0.5),
                                   WeightRule::flat_per_group({0.3, 0.4})})
      demand_all(replay_neighbours(training_of(model, rule, folder), 1));
    // With so little noise of the count that what it leaves the gradient of z is seen.
    const AuditedTraining adaptive = training_of(model, WeightRule::adaptive(0.5, {.count_noise = 0.8}), folder);
    demand_all(check_noise(adaptive, 100'000));
    demand_all(replay_neighbours(adaptive, 1));
  });
}

}  // namespace sotto::testing
