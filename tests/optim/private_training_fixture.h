#pragma once
// A small network with records, and a folder for the ledgers of its private training.

#include <gtest/gtest.h>
#include <sotto/optim/private_training.h>
#include <sotto/privacy/error.h>
#include <torch/torch.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "../support/scratch_folder.h"
#include "flat.h"

namespace sotto::optim {

using sotto::testing::ScratchFolder;
using torch::Tensor;
using Parameters = std::vector<Tensor>;
namespace nn = torch::nn;
namespace F = torch::nn::functional;

inline constexpr int64_t kRecords = 200;

inline privacy::PrivacyPlanOptions plan_options() {
  return {.adjacency = privacy::Adjacency::add_remove,
          .dataset_size = kRecords,
          .expected_batch_size = 40,
          .steps = 6,
          .delta = 1e-5,
          .noise_multiplier = 1.0};
}

inline nn::Sequential network(torch::Dtype dtype = torch::kFloat) {
  torch::manual_seed(1);
  nn::Sequential net(nn::Linear(4, 8), nn::Tanh(), nn::Linear(8, 3));
  net->to(dtype);
  return net;
}

inline std::vector<Tensor> data(int64_t count = kRecords, torch::Dtype dtype = torch::kFloat) {
  torch::manual_seed(2);
  const Tensor labels = torch::randint(0, 3, {kRecords + 1});
  const Tensor features = torch::randn({kRecords + 1, 4}) + labels.unsqueeze(1);
  return {features.slice(0, 0, count).to(dtype), labels.slice(0, 0, count)};
}

inline Losses losses_of(nn::Sequential net) {
  return [net](const std::vector<Tensor>& batch) mutable {
    return F::cross_entropy(net->forward(batch[0]), batch[1], F::CrossEntropyFuncOptions().reduction(torch::kNone));
  };
}

struct Overrides {
  privacy::PrivacyPlanOptions plan = plan_options();
  WeightRule rule = WeightRule::psac(0.5);
  bool resume = false;
  int64_t physical_batch = 16;
  std::optional<std::uint64_t> seed = 7;
  bool probe = true;
};

class PrivateTrainingTest : public ::testing::Test {
 protected:
  PrivateTrainingTest() { at::set_num_threads(1); }  // the models are too small to share
  PrivateTrainingOptions options(const Overrides& overrides = {}, const std::string& name = "ledger.jsonl") const {
    PrivateTrainingOptions result{
        .plan = privacy::PrivacyPlan(overrides.plan), .rule = overrides.rule, .ledger = path(name)};
    result.resume = overrides.resume;
    result.physical_batch = overrides.physical_batch;
    result.insecure_test_seed = overrides.seed;
    result.probe = overrides.probe;
    return result;
  }
  std::filesystem::path path(const std::string& name = "ledger.jsonl") const { return folder_.path() / name; }

  // Constructs a run that must be refused, and expects that no ledger is left behind.
  template <class Error = UsageError>
  std::string refusal(const std::function<void()>& construct) const {
    std::string message;
    try {
      construct();
    } catch (const Error& error) {
      message = error.what();
    }
    EXPECT_NE(message, "") << "not refused";
    EXPECT_FALSE(std::filesystem::exists(path())) << "a refused run left a ledger";
    return message;
  }

  ScratchFolder folder_{ScratchFolder::memory()};
};

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline Parameters gradients(const nn::Sequential& net) {
  Parameters result;
  for (const Tensor& parameter : net->parameters()) result.push_back(parameter.grad().clone());
  return result;
}
inline Parameters values(const nn::Sequential& net) {
  Parameters result;
  for (const Tensor& parameter : net->parameters()) result.push_back(parameter.detach().clone());
  return result;
}
}  // namespace sotto::optim
