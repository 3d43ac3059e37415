// Random numbers of a model are drawn afresh from LibTorch's generator, which nobody knows the seed of.

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/autocast_mode.h>

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

TEST_F(PrivateTrainingTest, SeedsTheGeneratorOfMasksSecretly) {
  auto net = network();
  torch::optim::SGD optimizer(net->parameters(), 0.1);
  const Records records = tensor_records(data());
  Overrides secret;
  secret.seed.reset();
  torch::manual_seed(5);
  const PrivateTraining training(*net, optimizer, records, options(secret));
  EXPECT_NE(at::detail::getDefaultCPUGenerator().current_seed(), 5U);
}

}  // namespace
}  // namespace sotto::optim
