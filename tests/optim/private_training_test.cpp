// Private training and the optimizer: which ones work, and what is checked before each update.

#include <stdexcept>

#include "private_training_fixture.h"

namespace sotto::optim {
namespace {

using MakeOptimizer = std::function<std::unique_ptr<torch::optim::Optimizer>(Parameters)>;

// Every optimizer without a closure does with the private gradient what it does with any gradient.
TEST_F(PrivateTrainingTest, WorksWithEveryOptimizerWithoutAClosure) {
  using namespace torch::optim;
  const std::vector<std::pair<std::string, MakeOptimizer>> optimizers = {
      {"sgd", [](Parameters p) { return std::make_unique<SGD>(p, SGDOptions(0.3)); }},
      {"momentum", [](Parameters p) { return std::make_unique<SGD>(p, SGDOptions(0.3).momentum(0.9)); }},
      {"adam", [](Parameters p) { return std::make_unique<Adam>(p, AdamOptions(0.01)); }},
      {"adamw", [](Parameters p) { return std::make_unique<AdamW>(p, AdamWOptions(0.01)); }},
      {"adagrad", [](Parameters p) { return std::make_unique<Adagrad>(p, AdagradOptions(0.01)); }},
      {"rmsprop", [](Parameters p) { return std::make_unique<RMSprop>(p, RMSpropOptions(0.01)); }}};
  for (const auto& [name, make] : optimizers) {
    auto net = network();
    auto twin = network();
    const auto optimizer = make(net->parameters());
    const auto twin_optimizer = make(twin->parameters());
    PrivateTraining training(*net, *optimizer, tensor_records(data()), options({}, name));
    while (!training.finished()) {
      const Parameters before = values(net);
      training.compute_gradient(losses_of(net));
      const Parameters released = gradients(net);
      for (size_t p = 0; p < released.size(); ++p) twin->parameters()[p].mutable_grad() = released[p].clone();
      training.update();
      twin_optimizer->step();
      EXPECT_TRUE(flat(values(net)).equal(flat(values(twin)))) << name;
      EXPECT_FALSE(flat(values(net)).equal(flat(before))) << name;
    }
    EXPECT_EQ(training.steps_charged(), 6) << name;
  }
}

TEST_F(PrivateTrainingTest, RefusesLbfgs) {
  auto net = network();
  torch::optim::LBFGS optimizer(net->parameters(), torch::optim::LBFGSOptions(1.0));
  const std::string message = refusal([&] { PrivateTraining(*net, optimizer, tensor_records(data()), options()); });
  EXPECT_TRUE(contains(message, "LBFGS")) << message;
}

TEST_F(PrivateTrainingTest, RefusesAnOptimizerWithAForeignParameter) {
  auto net = network();
  Parameters parameters = net->parameters();
  parameters.push_back(torch::zeros({2, 9}).requires_grad_());
  torch::optim::SGD optimizer(parameters, 0.1);
  const std::string message = refusal([&] { PrivateTraining(*net, optimizer, tensor_records(data()), options()); });
  EXPECT_TRUE(contains(message, "[2, 9]")) << message;
}

// A frozen parameter moves as well once something writes its .grad.
TEST_F(PrivateTrainingTest, RefusesAFrozenParameterThatHasAGradient) {
  auto net = network();
  Parameters parameters = net->parameters();
  parameters.push_back(torch::zeros({2, 9}));
  torch::optim::SGD optimizer(parameters, 0.1);
  PrivateTraining training(*net, optimizer, tensor_records(data()), options());
  training.step(losses_of(net));
  training.compute_gradient(losses_of(net));
  parameters.back().mutable_grad() = torch::ones({2, 9});
  EXPECT_THROW(training.update(), UsageError);
  EXPECT_TRUE(parameters.back().equal(torch::zeros({2, 9})));
}

TEST_F(PrivateTrainingTest, RefusesAnOptimizerWithoutAParameter) {
  auto net = network();
  Parameters parameters = net->parameters();
  parameters.pop_back();
  torch::optim::SGD optimizer(parameters, 0.1);
  const std::string message = refusal([&] { PrivateTraining(*net, optimizer, tensor_records(data()), options()); });
  EXPECT_TRUE(contains(message, "2.bias")) << message;
}

TEST_F(PrivateTrainingTest, NoticesAParameterAddedToTheOptimizerLater) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  PrivateTraining training(*net, optimizer, tensor_records(data()), options());
  training.step(losses_of(net));
  optimizer.add_param_group(torch::optim::OptimizerParamGroup({torch::zeros({3}).requires_grad_()}));
  training.compute_gradient(losses_of(net));
  EXPECT_THROW(training.update(), UsageError);
}

// Gradients reach the optimizer as they were released.

TEST_F(PrivateTrainingTest, NoticesAGradientThatWasReplacedOrChanged) {
  const std::vector<std::pair<const char*, std::function<void(nn::Sequential)>>> tampering = {
      {"replaced", [](nn::Sequential net) { net->parameters()[1].mutable_grad() = torch::zeros({8}); }},
      {"equal copy",
       [](nn::Sequential net) { net->parameters()[1].mutable_grad() = net->parameters()[1].grad().clone(); }},
      {"removed", [](nn::Sequential net) { net->parameters()[0].mutable_grad() = Tensor(); }},
      {"zeroed", [](nn::Sequential net) { net->parameters()[3].grad().zero_(); }},
      {"scaled", [](nn::Sequential net) { net->parameters()[2].mutable_grad().mul_(0.5); }},
      {"part changed", [](nn::Sequential net) { net->parameters()[2].grad()[0].add_(1.0); }},
      {"through .data()", [](nn::Sequential net) { net->parameters()[2].grad().data().mul_(0.5); }},
      {"raw pointer", [](nn::Sequential net) { net->parameters()[2].grad().mutable_data_ptr<float>()[0] += 1.0f; }},
      {"clip_grad_norm_", [](nn::Sequential net) { nn::utils::clip_grad_norm_(net->parameters(), 1e-6); }},
      {"zero_grad", [](nn::Sequential net) { net->zero_grad(); }},
      {"backward", [](nn::Sequential net) { losses_of(net)(data()).sum().backward(); }}};
  for (const auto& [name, tamper] : tampering) {
    auto net = network();
    torch::optim::SGD optimizer(net->parameters(), 0.1);
    PrivateTraining training(*net, optimizer, tensor_records(data()), options({}, name));
    training.step(losses_of(net));
    training.compute_gradient(losses_of(net));
    const Parameters before = values(net);
    tamper(net);
    EXPECT_THROW(training.update(), UsageError) << name;
    EXPECT_TRUE(flat(values(net)).equal(flat(before))) << name;
  }
}

TEST_F(PrivateTrainingTest, RefusesAnUpdateWithoutAGradient) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  PrivateTraining training(*net, optimizer, tensor_records(data()), options());
  EXPECT_THROW(training.update(), UsageError);
  training.compute_gradient(losses_of(net));
  EXPECT_NO_THROW(training.update());
  EXPECT_THROW(training.update(), UsageError);  // once each
}

}  // namespace
}  // namespace sotto::optim
