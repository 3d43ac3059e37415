// Private training of a model with an operator of your own, for which sotto has no rule: x * sigmoid(slope * x), whose
// slope is learnt. What sotto needs to know of it is in register_rule().
//
//   custom_rule [LEDGER]
//
// The records are made up (two noisy clusters). Prints what was checked on made-up records, the accuracy on fresh ones
// and the epsilon that the ledger accounts for.

#include <sotto/optim/custom_rule.h>
#include <sotto/optim/direct_use.h>
#include <sotto/optim/private_training.h>
#include <sotto/privacy/error.h>
#include <torch/library.h>
#include <torch/torch.h>

#include <filesystem>
#include <iostream>

namespace nn = torch::nn;
using torch::Tensor;

// The operator with its backward pass, as LibTorch wants it.
struct Swish : torch::autograd::Function<Swish> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& slope) {
    context->save_for_backward({x, slope});
    return x * torch::sigmoid(slope * x);
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &slope = saved[1];
    const Tensor s = torch::sigmoid(slope * x), by_sigmoid = gradients[0] * x * s * (1 - s);
    return {gradients[0] * s + by_sigmoid * slope, (by_sigmoid * x).sum().view({1})};
  }
};

TORCH_LIBRARY(mine, library) {
  library.def("swish(Tensor x, Tensor slope) -> Tensor");
}
TORCH_LIBRARY_IMPL(mine, Autograd, library) {
  library.impl("swish", [](const Tensor& x, const Tensor& slope) { return Swish::apply(x, slope); });
}

Tensor swish(const Tensor& x, const Tensor& slope) {
  static const auto handle =
      c10::Dispatcher::singleton().findSchemaOrThrow("mine::swish", "").typed<Tensor(const Tensor&, const Tensor&)>();
  return handle.call(x, slope);
}

void register_rule() {
  using namespace sotto::optim;
  register_custom_rule(
      {.name = "mine::swish",
       // Element by element: the records are in the result where they are in x.
       .transfer = [](const OperatorCall& call) -> OutputPositions {
         if (call.position(1)) throw Refusal{"takes a slope that differs from record to record"};
         return {call.position(0)};
       },
       // The gradient [records, 1] of the slope, one row for each record.
       .use = [](const OperatorCall& call, size_t argument, BatchPosition output) -> std::unique_ptr<ParameterUse> {
         if (argument != 1) return nullptr;  // only the slope may be a parameter
         return make_direct_use([x = call.tensor(0).detach(), slope = call.tensor(1).detach(), output,
                                 records = call.batch](const Tensor& gradient) {
           const Tensor s = torch::sigmoid(slope * x);
           return batch_first(gradient * x * x * s * (1 - s), output, records).reshape({records, -1}).sum(1, true);
         });
       }});
}

struct NetImpl : nn::Module {
  NetImpl() {
    hidden = register_module("hidden", nn::Linear(20, 32));
    slope = register_parameter("slope", torch::ones({1}));
    head = register_module("head", nn::Linear(32, 2));
  }
  Tensor forward(const Tensor& x) { return head(swish(hidden(x), slope)); }
  nn::Linear hidden{nullptr}, head{nullptr};
  Tensor slope;
};
TORCH_MODULE(Net);

std::pair<Tensor, Tensor> make_records(int64_t count) {
  const Tensor labels = torch::randint(2, {count}, torch::kLong);
  return {torch::randn({count, 20}) + labels.unsqueeze(1).mul(2).sub(1) * 0.4, labels};
}

int main(int argc, char** argv) try {
  register_rule();
  torch::manual_seed(0);
  const auto [features, labels] = make_records(4000);
  Net net;
  torch::optim::SGD sgd(net->parameters(), torch::optim::SGDOptions(0.5).momentum(0.9));
  const sotto::privacy::PrivacyPlan plan({.adjacency = sotto::privacy::Adjacency::add_remove,
                                          .dataset_size = 4000,
                                          .expected_batch_size = 256,
                                          .steps = 150,
                                          .delta = 1e-5,
                                          .epsilon = 3.0});
  sotto::optim::PrivateTraining training(
      *net, sgd, sotto::optim::tensor_records({features, labels}),
      {.plan = plan,
       .rule = sotto::optim::WeightRule::psac(0.5),
       .ledger = std::filesystem::path(argc > 1 ? argv[1] : "custom_rule-ledger.jsonl")});
  const auto losses = [&](const auto& batch) {
    return nn::functional::cross_entropy(net->forward(batch[0]), batch[1],
                                         nn::functional::CrossEntropyFuncOptions().reduction(torch::kNone));
  };
  training.examine(losses);
  for (const std::string& note : training.notes()) std::cout << note << '\n';
  while (!training.finished()) training.step(losses);

  const auto [fresh, truth] = make_records(2000);
  const double accuracy = net->forward(fresh).argmax(1).eq(truth).to(torch::kFloat).mean().item<double>();
  std::cout << "slope " << net->slope.item<double>() << '\n';
  std::cout << "accuracy " << accuracy << ", epsilon " << training.epsilon() << " at delta " << plan.delta() << '\n';
  return 0;
} catch (const sotto::Error& error) {
  std::cerr << "custom_rule: " << error.what() << '\n';
  return static_cast<int>(error.code());
}
