// Low-rank adaptation of TorchScript files: what the layers compute, what is trained, that gradients of records are
// those of autograd through the merged weights, and what the file that comes back holds.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/models/record_losses.h>
#include <sotto/models/script_file.h>
#include <sotto/models/script_model.h>
#include <sotto/privacy/error.h>
#include <torch/csrc/jit/serialization/import.h>

#include <map>

#include "../optim/oracle.h"
#include "../support/message.h"
#include "../support/scratch_folder.h"
#include "exported_models.h"

namespace sotto::models {
namespace {

using at::Tensor;
using sotto::testing::message_of;
using ::testing::AllOf, ::testing::Contains, ::testing::HasSubstr, ::testing::IsSupersetOf, ::testing::Not;
using ::testing::UnorderedElementsAre;
using Adapted = std::unique_ptr<TrainableModel>;
using testing::exported, testing::names, testing::path_of;

constexpr double kScale = 2.5;  // alpha / rank
const LoraOptions kOptions = {.rank = 2, .alpha = 5.0, .targets = {"*linear1", "*out_proj"}};

// Factors with which the layers compute something else than before.
Adapted adapted(const std::string& name, const LoraOptions& options) {
  Adapted result = exported(name, options);
  const torch::NoGradGuard no_grad;
  torch::manual_seed(11);
  for (const NamedTensor& named : result->trainable())
    if (named.name.find("lora_") != std::string::npos) named.tensor.normal_(0.0, 0.3);
  return result;
}

std::map<std::string, Tensor> by_name(const std::vector<NamedTensor>& tensors) {
  std::map<std::string, Tensor> result;
  for (const NamedTensor& named : tensors) result[named.name] = named.tensor;
  return result;
}

Tensor tokens(int64_t records) {
  torch::manual_seed(7);
  return torch::randint(50, {records, 12}, torch::kLong);
}

optim::testing::Model recorded(TrainableModel& model, int64_t records = 4) {
  optim::testing::Model result;
  for (const NamedTensor& named : model.trainable()) result.parameters.push_back({named.name, named.tensor});
  for (const NamedTensor& named : model.constants()) result.constants.push_back(named.tensor);
  result.inputs = {tokens(records), torch::randint(50, {records, 12}, torch::kLong)};
  result.losses = [&model](const std::vector<Tensor>& x) { return record_losses(model.forward(x[0]), x[1]); };
  return result;
}

TEST(ScriptLora, TrainsFactorsAndWhatTheFileLeavesTrainable) {
  const Adapted model = exported("parts", LoraOptions{.rank = 1, .targets = {"*"}});
  EXPECT_THAT(names(model->trainable()),
              UnorderedElementsAre("output.bias", "frozen.lora_A", "frozen.lora_B", "output.lora_A", "output.lora_B"));
  EXPECT_THAT(names(model->constants()), IsSupersetOf({"frozen.weight", "frozen.bias", "output.weight"}));
  EXPECT_THAT(names(model->state()), IsSupersetOf({"frozen.weight", "output.weight", "output.lora_A"}));
  // All of that file is frozen, so that it has nothing to train otherwise.
  EXPECT_THAT(names(exported("frozen", LoraOptions{.targets = {"output"}})->trainable()),
              UnorderedElementsAre("output.lora_A", "output.lora_B"));
}

TEST(ScriptLora, BeginsWithTheModelAsItWas) {
  const torch::NoGradGuard no_grad;
  const Tensor x = tokens(3);
  EXPECT_TRUE(at::equal(exported("transformer", kOptions)->forward(x), exported("transformer")->forward(x)));
}

TEST(ScriptLora, AddsTheProductOfItsFactorsToTheWeights) {
  const torch::NoGradGuard no_grad;
  const Tensor x = tokens(3);
  const Adapted model = adapted("transformer", kOptions);
  const auto state = by_name(model->state());
  torch::jit::Module plain = torch::jit::load(path_of("transformer"));
  const Tensor before = plain.forward({x}).toTensor().clone();
  int64_t layers = 0;
  for (const auto& named : plain.named_parameters()) {
    const std::string layer = named.name.substr(0, named.name.rfind('.'));
    if (!named.name.ends_with(".weight") || !state.contains(layer + ".lora_A")) continue;
    named.value.add_(kScale * state.at(layer + ".lora_B").mm(state.at(layer + ".lora_A")));
    ++layers;
  }
  EXPECT_EQ(layers, 4);  // two of each target
  const Tensor expected = plain.forward({x}).toTensor();
  EXPECT_LT((model->forward(x) - expected).abs().max().item<double>(), 1e-5);
  EXPECT_GT((before - expected).abs().max().item<double>(), 1e-2);
  // The next pass sees the next factors.
  for (const NamedTensor& named : model->trainable())
    if (named.name.ends_with("lora_B")) named.tensor.zero_();
  EXPECT_LT((model->forward(x) - before).abs().max().item<double>(), 1e-5);
}

// In every run: the interpreter replaces operators from the second one on unless it is told not to.
TEST(ScriptLora, PrivateGradientsAreThoseOfAutograd) {
  const Adapted model = adapted("transformer", kOptions);
  const auto of = recorded(*model);
  for (const auto strategy : {optim::Strategy::automatic, optim::Strategy::gram, optim::Strategy::keep}) {
    const auto errors = optim::testing::compare(of, {.force_strategy = strategy});
    EXPECT_LT(errors.norm, 1e-5);
    EXPECT_LT(errors.weighted, 1e-5);
    EXPECT_TRUE(errors.bounded);
  }
}

// dA = s B^T dW and dB = s dW A^T, where dW is the gradient of the weight of the file that comes back.
TEST(ScriptLora, GradientsOfFactorsFollowFromThoseOfTheMergedWeights) {
  sotto::testing::ScratchFolder folder;
  const Adapted model = adapted("transformer", kOptions);
  model->write_file(folder.path() / "merged.ts");
  const Adapted merged = load_script_model(read_model_file(folder.path() / "merged.ts"), "merged");
  const auto of = recorded(*model), plain = recorded(*merged);
  const auto gradients = optim::testing::one_record_at_a_time(of), whole = optim::testing::one_record_at_a_time(plain);
  const auto factors = by_name(model->trainable());
  for (size_t record = 0; record < gradients.size(); ++record) {
    std::map<std::string, Tensor> of_weight, of_factor;
    for (size_t p = 0; p < plain.parameters.size(); ++p) of_weight[plain.parameters[p].name] = whole[record][p];
    for (size_t p = 0; p < of.parameters.size(); ++p) of_factor[of.parameters[p].name] = gradients[record][p];
    int64_t layers = 0;
    for (const auto& [name, gradient] : of_factor) {
      if (!name.ends_with(".lora_A")) continue;
      const std::string layer = name.substr(0, name.size() - std::string(".lora_A").size());
      const Tensor dw = of_weight.at(layer + ".weight");
      const Tensor a = factors.at(layer + ".lora_A"), b = factors.at(layer + ".lora_B");
      EXPECT_TRUE(gradient.allclose(kScale * b.t().mm(dw), 1e-4, 1e-6)) << name;
      EXPECT_TRUE(of_factor.at(layer + ".lora_B").allclose(kScale * dw.mm(a.t()), 1e-4, 1e-6)) << name;
      EXPECT_GT(gradient.norm().item<double>(), 1e-4) << name << ": the test shows nothing";
      ++layers;
    }
    EXPECT_EQ(layers, 4);
  }
}

TEST(ScriptLora, TheFileThatComesBackIsMergedAndKnowsWhatWasTrainable) {
  sotto::testing::ScratchFolder folder;
  for (const char* name : {"parts", "transformer"}) {
    const LoraOptions options = {.rank = 2, .alpha = 5.0, .targets = {std::string(name) == "parts" ? "*" : "*linear1"}};
    const Adapted model = adapted(name, options);
    model->set_evaluation(true);
    const torch::NoGradGuard no_grad;
    const Tensor x = std::string(name) == "parts" ? torch::randn({3, 1, 2, 2}) : tokens(3);
    const Tensor expected = model->forward(x);
    model->write_file(folder.path() / "merged.ts");
    EXPECT_TRUE(model->forward(x).equal(expected)) << name << " changed when it was written";

    torch::jit::Module plain = torch::jit::load((folder.path() / "merged.ts").string());
    EXPECT_TRUE(plain.forward({x}).toTensor().allclose(expected, 1e-5, 1e-6)) << name;
    std::map<std::string, bool> trainable;
    for (const auto& named : torch::jit::load(path_of(name)).named_parameters())
      trainable[named.name] = named.value.requires_grad();
    std::map<std::string, bool> now;
    for (const auto& named : plain.named_parameters()) now[named.name] = named.value.requires_grad();
    EXPECT_EQ(now, trainable) << name;
  }
}

TEST(ScriptLora, ALayerThatIsTracedIsALinearLayerToo) {
  const Adapted model = adapted("traced", {.rank = 1, .targets = {"frozen", "output"}});
  const torch::NoGradGuard no_grad;
  const Tensor x = torch::randn({3, 1, 2, 2});
  EXPECT_FALSE(model->forward(x).allclose(exported("traced")->forward(x), 1e-2, 1e-2));
}

TEST(ScriptLora, RefusesWhatDoesNotFitTheFile) {
  const auto said = [](const std::string& name, const LoraOptions& options) {
    return message_of<UsageError>([&] { exported(name, options); });
  };
  EXPECT_THAT(said("parts", {.targets = {"*query"}}), AllOf(HasSubstr("Lora targets"), HasSubstr("*query")));
  // Convolutions are no linear layers.
  EXPECT_THAT(said("resnet", {.rank = 1, .targets = {"conv1"}}), HasSubstr("conv1"));
  EXPECT_THAT(said("parts", {.rank = 4, .targets = {"output"}}), HasSubstr("rank: 4; must be at most 3"));
  EXPECT_THAT(said("parts", {.rank = 0, .targets = {"output"}}), HasSubstr("rank: 0"));
}

}  // namespace
}  // namespace sotto::models
