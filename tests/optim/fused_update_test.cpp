// A step whose update is fused into the release against the same step in two calls, with LibTorch's own optimizer.

#include <torch/optim/adamw.h>

#include "private_training_fixture.h"

namespace sotto::optim {
namespace {

using MakeOptimizer = std::function<std::unique_ptr<torch::optim::Optimizer>(std::vector<Tensor>)>;

template <class Optimizer, class Options>
MakeOptimizer with(Options options) {
  return
      [options](std::vector<Tensor> parameters) { return std::make_unique<Optimizer>(std::move(parameters), options); };
}

class Derived : public torch::optim::SGD {
 public:
  using SGD::SGD;
  Tensor step(LossClosure closure = nullptr) override {
    ++steps;
    return SGD::step(closure);
  }
  int steps = 0;
};

class FusedUpdateTest : public PrivateTrainingTest {
 protected:
  // Parameters after steps, each fused or in two calls.
  Tensor trained(const MakeOptimizer& make, const std::vector<bool>& fused, const std::string& name,
                 at::ScalarType dtype = at::kFloat) {
    torch::manual_seed(8);
    auto net = network();
    net->to(dtype);
    auto optimizer = make(net->parameters());
    std::vector<Tensor> records = data();
    records[0] = records[0].to(dtype);
    PrivateTraining training(*net, *optimizer, tensor_records(records), options({}, name));
    for (const bool whole : fused) {
      if (whole) {
        training.step(losses_of(net));
      } else {
        training.compute_gradient(losses_of(net));
        training.update();
      }
      optimizer->param_groups()[0].options().set_lr(0.9 * optimizer->param_groups()[0].options().get_lr());
    }
    std::vector<Tensor> flat;
    for (const Tensor& parameter : net->parameters()) flat.push_back(parameter.detach().flatten().to(at::kDouble));
    return torch::cat(flat);
  }
};

const std::vector<std::pair<std::string, MakeOptimizer>>& optimizers() {
  using torch::optim::AdamOptions, torch::optim::AdamWOptions, torch::optim::SGDOptions;
  static const std::vector<std::pair<std::string, MakeOptimizer>> all = {
      {"sgd", with<torch::optim::SGD>(SGDOptions(0.5))},
      {"sgd decay", with<torch::optim::SGD>(SGDOptions(0.5).weight_decay(0.1))},
      {"momentum", with<torch::optim::SGD>(SGDOptions(0.5).momentum(0.9))},
      {"dampened", with<torch::optim::SGD>(SGDOptions(0.5).momentum(0.9).dampening(0.3).weight_decay(0.1))},
      {"nesterov", with<torch::optim::SGD>(SGDOptions(0.5).momentum(0.9).nesterov(true))},
      {"adam", with<torch::optim::Adam>(AdamOptions(0.05))},
      {"adam decay", with<torch::optim::Adam>(AdamOptions(0.05).weight_decay(0.1).betas({0.7, 0.8}).eps(1e-3))},
      {"adamw", with<torch::optim::AdamW>(AdamWOptions(0.05).weight_decay(0.1))},
  };
  return all;
}

TEST_F(FusedUpdateTest, IsTheStepOfLibTorchsOptimizer) {
  for (const auto& [name, make] : optimizers()) {
    for (const at::ScalarType dtype : {at::kFloat, at::kDouble}) {
      const std::string run = name + c10::toString(dtype);
      const Tensor fused = trained(make, std::vector<bool>(4, true), run + "fused", dtype);
      const Tensor apart = trained(make, std::vector<bool>(4, false), run + "apart", dtype);
      const double tolerance = dtype == at::kFloat ? 2e-6 : 1e-14;
      EXPECT_TRUE(fused.allclose(apart, tolerance, tolerance)) << run << " " << (fused - apart).abs().max();
    }
  }
}

// The state is the optimizer's own: either kind of step goes on where the other left it.
TEST_F(FusedUpdateTest, SharesTheStateOfTheOptimizer) {
  for (const auto& [name, make] : optimizers()) {
    const Tensor apart = trained(make, std::vector<bool>(5, false), name + "apart");
    for (const std::vector<bool>& mixed :
         {std::vector<bool>{true, false, true, true, false}, {false, true, false, false, true}})
      EXPECT_TRUE(trained(make, mixed, name + std::to_string(mixed[0])).allclose(apart, 2e-6, 2e-6)) << name;
  }
}

TEST_F(FusedUpdateTest, LeavesNoGradient) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  PrivateTraining training(*net, optimizer, tensor_records(data()), options());
  training.compute_gradient(losses_of(net));
  training.update();
  EXPECT_TRUE(net->parameters()[0].grad().defined());
  training.step(losses_of(net));
  for (const Tensor& parameter : net->parameters()) EXPECT_FALSE(parameter.grad().defined());
  EXPECT_THROW(training.update(), UsageError);
}

// What is not known is left to the optimizer.
TEST_F(FusedUpdateTest, OtherOptimizersTakeTheirOwnStep) {
  auto net = network();
  Derived derived(net->parameters(), torch::optim::SGDOptions(0.1));
  PrivateTraining training(*net, derived, tensor_records(data()), options());
  training.step(losses_of(net));
  EXPECT_EQ(derived.steps, 1);
  EXPECT_TRUE(net->parameters()[0].grad().defined());

  const auto fuses = [&](torch::optim::Optimizer& optimizer) {
    return FusedUpdate::of(optimizer, trainable_parameters(*net)).has_value();
  };
  torch::optim::SGD sgd(net->parameters(), 0.1);
  torch::optim::Adam adam(net->parameters(), torch::optim::AdamOptions());
  torch::optim::Adam amsgrad(net->parameters(), torch::optim::AdamOptions().amsgrad(true));
  torch::optim::AdamW amsgradw(net->parameters(), torch::optim::AdamWOptions().amsgrad(true));
  torch::optim::RMSprop rmsprop(net->parameters());
  torch::optim::SGD part({net->parameters()[0]}, 0.1);
  EXPECT_TRUE(fuses(sgd));
  EXPECT_TRUE(fuses(adam));
  for (torch::optim::Optimizer* other :
       std::vector<torch::optim::Optimizer*>{&amsgrad, &amsgradw, &rmsprop, &part, &derived})
    EXPECT_FALSE(fuses(*other));
  const Tensor strided = torch::randn({3, 4}).t().requires_grad_();
  torch::optim::SGD of_strided({strided}, 0.1);
  EXPECT_FALSE(FusedUpdate::of(of_strided, {{"strided", strided}}).has_value());
}

}  // namespace
}  // namespace sotto::optim
