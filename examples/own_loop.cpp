// Private training where the loop stays yours: the gradient is released into .grad, where it may be read, clipped
// again, averaged or logged, because it is private already; then your schedule sets the rate and the optimizer takes
// its step.
//
//   own_loop [LEDGER]
//
// The model is a small encoder of made-up texts that is frozen but for its biases and its head.

#include <sotto/models/frozen.h>
#include <sotto/models/text_classifier.h>
#include <sotto/optim/lr_schedule.h>
#include <sotto/optim/private_training.h>
#include <sotto/privacy/error.h>
#include <torch/torch.h>

#include <filesystem>
#include <iostream>

using namespace sotto;

constexpr double kRate = 0.02;

int main(int argc, char** argv) try {
  torch::manual_seed(0);
  const torch::Tensor labels = torch::randint(2, {1500}, torch::kLong);
  const torch::Tensor ids = torch::randint(1, 40, {1500, 8}) + labels.unsqueeze(1) * 10;
  const std::filesystem::path ledger = argc > 1 ? argv[1] : "own_loop-ledger.jsonl";

  models::TextClassifier net(models::TextClassifierOptions{
      .bert = {.vocabulary = 50, .width = 16, .layers = 1, .heads = 2, .feed_forward = 32, .positions = 8}});
  models::train_only(*net, {"*bias", "*word_embeddings*", "classifier.*"});
  torch::optim::Adam optimizer(models::trained(*net), torch::optim::AdamOptions(kRate));

  const privacy::PrivacyPlan plan({.adjacency = privacy::Adjacency::add_remove,
                                   .dataset_size = 1500,
                                   .expected_batch_size = 300,
                                   .steps = 45,
                                   .delta = 1e-5,
                                   .epsilon = 3.0});
  const optim::LrSchedule schedule(optim::LrSchedule::Shape::cosine, plan.steps(), /*warmup=*/5);
  optim::PrivateTraining training(*net, optimizer, optim::tensor_records({ids, labels}),
                                  {.plan = plan, .rule = optim::WeightRule::psac(0.5), .ledger = ledger});
  while (!training.finished()) {
    const double rate = schedule.factor(training.steps_charged());
    training.compute_gradient(
        [&](const auto& batch) { return torch::cross_entropy_loss(net(batch[0]), batch[1], {}, at::Reduction::None); });
    const double norm = net->classifier->weight.grad().norm().item<double>();  // of a private gradient: no secret
    for (auto& group : optimizer.param_groups()) group.options().set_lr(kRate * rate);
    training.update();
    if (training.steps_charged() % 15 == 0)
      std::cout << "step " << training.steps_charged() << ", gradient of the head " << norm << '\n';
  }
  const double accuracy = net(ids).argmax(1).eq(labels).to(torch::kFloat).mean().item<double>();
  std::cout << "accuracy " << accuracy << ", epsilon " << training.epsilon() << " at delta " << plan.delta() << '\n';
  return 0;
} catch (const Error& error) {
  std::cerr << "own_loop: " << error.what() << '\n';
  return static_cast<int>(error.code());
}
