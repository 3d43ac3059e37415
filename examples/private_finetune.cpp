// Private training of a module of your own: what changes against a plain LibTorch loop is marked with (*).
//
//   private_finetune [LEDGER]
//
// The records are made up (two noisy clusters), so the program runs anywhere in seconds. It prints the accuracy on
// fresh records and the epsilon that the ledger accounts for.

#include <sotto/optim/private_training.h>
#include <sotto/privacy/error.h>
#include <torch/torch.h>

#include <filesystem>
#include <iostream>

namespace nn = torch::nn;

// An ordinary module; sotto does not know it and does not change it.
struct NetImpl : nn::Module {
  NetImpl() {
    hidden = register_module("hidden", nn::Linear(20, 32));
    norm = register_module("norm", nn::LayerNorm(nn::LayerNormOptions({32})));
    head = register_module("head", nn::Linear(32, 2));
  }
  torch::Tensor forward(const torch::Tensor& x) { return head(torch::relu(norm(hidden(x)))); }
  nn::Linear hidden{nullptr}, head{nullptr};
  nn::LayerNorm norm{nullptr};
};
TORCH_MODULE(Net);

std::pair<torch::Tensor, torch::Tensor> make_records(int64_t count) {
  const torch::Tensor labels = torch::randint(2, {count}, torch::kLong);
  return {torch::randn({count, 20}) + labels.unsqueeze(1).mul(2).sub(1) * 0.4, labels};
}

int main(int argc, char** argv) try {
  torch::manual_seed(0);
  const auto [features, labels] = make_records(4000);
  const std::filesystem::path ledger = argc > 1 ? argv[1] : "private_finetune-ledger.jsonl";

  Net net;
  torch::optim::SGD sgd(net->parameters(), torch::optim::SGDOptions(0.5).momentum(0.9));

  const sotto::privacy::PrivacyPlan plan({.adjacency = sotto::privacy::Adjacency::add_remove,  // (*)
                                          .dataset_size = 4000,  // declared, never counted
                                          .expected_batch_size = 256,
                                          .steps = 150,
                                          .delta = 1e-5,
                                          .epsilon = 3.0});
  sotto::optim::PrivateTraining training(  // (*)
      *net, sgd, sotto::optim::tensor_records({features, labels}),
      {.plan = plan, .rule = sotto::optim::WeightRule::psac(0.5), .ledger = ledger});
  while (!training.finished()) {
    training.step([&](const auto& batch) {  // (*) one loss per record
      return nn::functional::cross_entropy(net->forward(batch[0]), batch[1],
                                           nn::functional::CrossEntropyFuncOptions().reduction(torch::kNone));
    });
  }

  const auto [fresh, truth] = make_records(2000);
  const double accuracy = net->forward(fresh).argmax(1).eq(truth).to(torch::kFloat).mean().item<double>();
  std::cout << "accuracy " << accuracy << ", epsilon " << training.epsilon() << " at delta " << plan.delta() << '\n';
  return 0;
} catch (const sotto::Error& error) {
  std::cerr << "private_finetune: " << error.what() << '\n';
  return static_cast<int>(error.code());
}
