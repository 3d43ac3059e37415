// Random numbers of a model are drawn afresh from LibTorch's generator, which nobody knows the seed of.

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/autocast_mode.h>
#include <sotto/optim/explain_model.h>

#include <set>

#include "private_training_fixture.h"
#include "recorder_models.h"

namespace sotto::optim {
namespace {

using testing::loose, testing::per_record, testing::records, testing::refusal, testing::says, testing::weight;

TEST(Recorder, RefusesAModelThatSeedsTheGenerator) {
  const auto message = refusal(loose({weight()}, {records()}, [](auto& p, auto& x) {
    torch::manual_seed(5);
    return per_record(torch::dropout(torch::linear(x[0], p[0]), 0.5, true));
  }));
  EXPECT_TRUE(says(message, {"seeds LibTorch's generator", "manual_seed"})) << message;
}

TEST(Recorder, RefusesAGeneratorOfTheModelsOwn) {
  const auto message = refusal(loose({weight()}, {records()}, [](auto& p, auto& x) {
    const at::Generator own = at::detail::createCPUGenerator(5);
    const torch::Tensor hidden = torch::linear(x[0], p[0]);
    return per_record(hidden * torch::bernoulli(torch::full_like(hidden, 0.5), own));
  }));
  EXPECT_TRUE(says(message, {"aten::bernoulli", "Generator"})) << message;
}

TEST(Recorder, AcceptsTheDefaultGenerator) {
  const auto message = refusal(loose({weight()}, {records()}, [](auto& p, auto& x) {
    const torch::Tensor hidden = torch::linear(x[0], p[0]);
    const auto generator = at::detail::getDefaultCPUGenerator();
    return per_record(hidden * torch::bernoulli(torch::full_like(hidden.detach(), 0.5), generator));
  }));
  EXPECT_EQ(message, "");
}

uint64_t current_seed() {
  return at::detail::getDefaultCPUGenerator().current_seed();
}

TEST_F(PrivateTrainingTest, SeedsTheGeneratorOfMasksSecretlyBeforeEveryPass) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  Overrides secret;
  secret.seed.reset();
  secret.probe = false;
  PrivateTraining training(*net, optimizer, tensor_records(data()), options(secret));
  torch::manual_seed(5);
  std::vector<uint64_t> seeds = {5};
  for (int step = 0; step < 4; ++step) {
    training.step([&](const std::vector<Tensor>& batch) {
      seeds.push_back(current_seed());
      return losses_of(net)(batch);
    });
  }
  EXPECT_GT(seeds.size(), 3U);
  EXPECT_EQ(std::set<uint64_t>(seeds.begin(), seeds.end()).size(), seeds.size());
}

// A state kept from one pass would give the places of the next the same masks.
TEST_F(PrivateTrainingTest, RefusesAStateOfTheGeneratorThatTheModelKept) {
  for (const bool probe : {false, true}) {
    auto net = network();
    torch::optim::SGD optimizer(net->parameters(), 0.1);
    Overrides secret;
    secret.seed.reset();
    secret.probe = probe;
    PrivateTraining training(*net, optimizer, tensor_records(data()), options(secret, probe ? "probed" : "not"));
    Tensor kept;
    std::string message;
    try {
      for (int step = 0; step < 4; ++step) {
        training.step([&](const std::vector<Tensor>& batch) {
          auto generator = at::detail::getDefaultCPUGenerator();
          kept.defined() ? generator.set_state(kept) : static_cast<void>(kept = generator.get_state());
          return losses_of(net)({torch::dropout(batch[0], 0.5, true), batch[1]});
        });
      }
    } catch (const UsageError& error) {
      message = error.what();
    }
    EXPECT_TRUE(says(message, {"generator", "set_state"})) << message;
    if (probe) {
      EXPECT_EQ(training.steps_charged(), 0);
    }
  }
}

TEST(ExplainModel, RefusesAStateOfTheGeneratorThatTheModelKept) {
  const Tensor parameter = weight().requires_grad_();
  Tensor kept;
  const Explanation explanation =
      explain_model({{"weight", parameter}}, {}, {{.sizes = {5}}}, [&](const std::vector<Tensor>& x) {
        auto generator = at::detail::getDefaultCPUGenerator();
        kept.defined() ? generator.set_state(kept) : static_cast<void>(kept = generator.get_state());
        return per_record(torch::dropout(torch::linear(x[0], parameter), 0.5, true));
      });
  EXPECT_EQ(explanation.verdict, Evidence::refused);
  EXPECT_TRUE(says(to_text(explanation), {"generator", "set_state"})) << to_text(explanation);
}

}  // namespace
}  // namespace sotto::optim
