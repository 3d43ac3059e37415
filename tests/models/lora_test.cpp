// Low-rank adaptation: what the layers compute, what is trained, and that private gradients are those of autograd
// without anything of the weight's size.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/models/bert.h>
#include <sotto/models/frozen.h>
#include <sotto/models/lora.h>
#include <sotto/models/name_pattern.h>
#include <sotto/models/text_classifier.h>
#include <sotto/optim/private_training.h>
#include <sotto/privacy/error.h>
#include <torch/torch.h>

#include <algorithm>

#include "../optim/oracle.h"
#include "../support/scratch_folder.h"

namespace sotto::models {
namespace {

using optim::Strategy;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using torch::Tensor;
namespace nn = torch::nn;

// A module of a user: nothing of it knows of adaptation.
struct NetImpl : nn::Module {
  NetImpl() {
    first = register_module("first", nn::Linear(6, 9));
    second = register_module("second", nn::Linear(nn::LinearOptions(9, 5).bias(false)));
    head = register_module("head", nn::Linear(5, 3));
  }
  Tensor forward(const Tensor& x) { return head(torch::tanh(second(torch::tanh(first(x))))); }
  nn::Linear first{nullptr}, second{nullptr}, head{nullptr};
};
TORCH_MODULE(Net);

Net net(torch::Dtype dtype = torch::kDouble) {
  torch::manual_seed(5);
  Net result;
  result->to(dtype);
  return result;
}

void draw(const Lora& lora) {
  const torch::NoGradGuard no_grad;
  for (const NamedTensor& factor : lora.factors()) factor.tensor.normal_(0.0, 0.5);
}

optim::testing::Model model_of(const Net& of, Lora& lora, std::vector<int64_t> sizes, torch::Dtype dtype) {
  optim::testing::Model model;
  for (const auto& item : of->named_parameters())
    if (item.value().requires_grad()) model.parameters.push_back({item.key(), item.value()});
  for (const auto& item : of->named_parameters())
    if (!item.value().requires_grad()) model.constants.push_back(item.value());
  model.inputs = {torch::randn(sizes, dtype)};
  model.losses = [net = Net(of), &lora](const std::vector<Tensor>& x) mutable {
    lora.apply();
    const Tensor y = net(x[0]).flatten(1);
    return (torch::tanh(y) * torch::arange(1, y.size(1) + 1, y.options()).sin()).sum(1);
  };
  return model;
}

TEST(NamePattern, StarsStandForAnything) {
  EXPECT_TRUE(matches("*", ""));
  EXPECT_TRUE(matches("*.query", "encoder.layer.0.attention.self.query"));
  EXPECT_TRUE(matches("encoder.*.0.*query", "encoder.layer.0.attention.self.query"));
  EXPECT_TRUE(matches("a*b*b", "abxb"));
  EXPECT_FALSE(matches("a*b*b", "ab"));
  EXPECT_FALSE(matches("query", "my.query"));
  EXPECT_FALSE(matches("", "query"));
}

TEST(Frozen, TrainsWhatMatchesAndNothingElse) {
  Net of = net();
  EXPECT_THAT(train_only(*of, {"head.*", "*.bias"}), ElementsAre("first.bias", "head.weight", "head.bias"));
  EXPECT_EQ(trained(*of).size(), 3U);
  EXPECT_THAT(freeze(*of, {"head.bias"}), ElementsAre("head.bias"));
  EXPECT_THAT(thaw(*of, {"second.*"}), ElementsAre("second.weight"));
  EXPECT_EQ(trained(*of).size(), 3U);
  EXPECT_THROW(train_only(*of, {"haed.*"}), UsageError);
  EXPECT_THROW(train_only(*of, {}), UsageError);
}

TEST(Lora, BeginsWithTheModelAsItWas) {
  Net of = net();
  const Tensor x = torch::randn({4, 6}, torch::kDouble), before = of(x);
  Lora lora(*of, {.rank = 2, .targets = {"first", "second"}});
  lora.apply();
  EXPECT_TRUE(torch::equal(of(x), before));
  EXPECT_THAT(lora.targets(), ElementsAre("first", "second"));
}

TEST(Lora, AddsTheProductOfItsFactorsAndMergesIt) {
  Net of = net();
  const Tensor w1 = of->first->weight.detach().clone(), w2 = of->second->weight.detach().clone();
  Lora lora(*of, {.rank = 2, .alpha = 6.0, .targets = {"first", "second"}});
  draw(lora);
  lora.apply();
  const auto factors = lora.factors();
  const Tensor x = torch::randn({4, 6}, torch::kDouble);
  const Tensor hidden = torch::tanh(x.mm((w1 + 3.0 * factors[1].tensor.mm(factors[0].tensor)).t()) + of->first->bias);
  const Tensor expected =
      of->head(torch::tanh(hidden.mm((w2 + 3.0 * factors[3].tensor.mm(factors[2].tensor)).t()))).detach();
  EXPECT_TRUE(of(x).allclose(expected, 1e-12, 1e-12));
  const Tensor merged = (w1 + 3.0 * factors[1].tensor.mm(factors[0].tensor)).detach();
  lora.merge();
  EXPECT_TRUE(of(x).allclose(expected, 1e-12, 1e-12));
  lora.apply();
  EXPECT_TRUE(of(x).allclose(expected, 1e-12, 1e-12));
  EXPECT_TRUE(of->named_parameters()["first.weight"].allclose(merged, 1e-12, 1e-12));
}

TEST(Lora, PrivateGradientsAreThoseOfAutograd) {
  for (const torch::Dtype dtype : {torch::kDouble, torch::kFloat}) {
    for (const Strategy strategy : {Strategy::automatic, Strategy::gram, Strategy::keep, Strategy::drop}) {
      for (const std::vector<int64_t>& sizes : {std::vector<int64_t>{6, 6}, {6, 4, 6}, {6, 2, 3, 6}}) {
        Net of = net(dtype);
        Lora lora(*of, {.rank = 3, .alpha = 4.0, .targets = {"first", "second"}});
        draw(lora);
        const auto model = model_of(of, lora, sizes, dtype);
        ASSERT_EQ(model.parameters.size(), 7U);  // four factors, a bias, the head
        const optim::testing::Errors errors = optim::testing::compare(model, {.force_strategy = strategy});
        EXPECT_LT(errors.norm, dtype == torch::kDouble ? 1e-9 : 1e-5) << to_string(strategy);
        EXPECT_LT(errors.weighted, dtype == torch::kDouble ? 1e-10 : 1e-5) << to_string(strategy);
        EXPECT_TRUE(errors.bounded);
      }
    }
  }
}

TEST(Lora, AWeightThatIsUsedTwiceHasBothUses) {
  Net of = net();
  Lora lora(*of, {.rank = 2, .targets = {"head"}});
  draw(lora);
  auto model = model_of(of, lora, {6, 6}, torch::kDouble);
  model.losses = [of, &lora](const std::vector<Tensor>& x) mutable {
    lora.apply();
    const Tensor half = torch::tanh(x[0].narrow(1, 0, 5));
    return torch::tanh(of->head(half)).sum(1) + of(x[0]).sin().sum(1) + half.mm(of->head->weight.t()).sum(1);
  };
  const optim::testing::Errors errors = optim::testing::compare(model);
  EXPECT_LT(errors.norm, 1e-9);
  EXPECT_LT(errors.weighted, 1e-10);
}

// 6 records: rows of the weight's size would be 6 x 512 x 512 elements.
TEST(Lora, FormsNothingOfTheSizeOfTheWeightForARecord) {
  torch::manual_seed(1);
  nn::Sequential of(nn::Linear(512, 512), nn::Tanh());
  freeze(*of, {"*"});
  Lora lora(*of, {.rank = 2, .targets = {"0"}});
  draw(lora);
  std::vector<optim::NamedParameter> parameters;
  for (const NamedTensor& factor : lora.factors()) parameters.push_back({factor.name, factor.tensor});
  optim::Tape tape(parameters, {of->parameters()[0], of->parameters()[1]});
  const auto gradients = tape.run({torch::randn({6, 512})}, [&](const std::vector<Tensor>& x) {
    lora.apply();
    return of->forward(x[0]).sum(1);
  });
  EXPECT_THAT(gradients.describe(), ElementsAre("0.lora_B aten::addmm rank-one", "0.lora_A aten::addmm rank-one"));
}

TEST(Lora, AForwardPassWithoutItIsRefused) {
  Net of = net();
  Lora lora(*of, {.rank = 2, .targets = {"first"}});
  train_only(*of, {"*lora_*"});
  auto model = model_of(of, lora, {6, 6}, torch::kDouble);
  lora.apply();
  model.losses = [of](const std::vector<Tensor>& x) mutable { return of(x[0]).sum(1); };
  EXPECT_THROW(optim::testing::compare(model), UsageError);
}

TEST(Lora, TrainsItsFactorsAndNothingElse) {
  Net of = net(torch::kFloat);
  train_only(*of, {"head.*"});
  Lora lora(*of, {.rank = 2, .targets = {"first", "second"}});
  const sotto::testing::ScratchFolder folder;
  const auto before = of->named_parameters();
  std::vector<Tensor> values;
  for (const auto& item : before) values.push_back(item.value().detach().clone());
  torch::optim::AdamW optimizer(trained(*of), torch::optim::AdamWOptions(0.1));
  const privacy::PrivacyPlan plan({.adjacency = privacy::Adjacency::add_remove,
                                   .dataset_size = 60,
                                   .expected_batch_size = 20,
                                   .steps = 3,
                                   .delta = 1e-5,
                                   .noise_multiplier = 1.0});
  optim::PrivateTraining training(
      *of, optimizer, optim::tensor_records({torch::randn({60, 6}), torch::randint(0, 3, {60})}),
      {.plan = plan, .rule = optim::WeightRule::psac(0.5), .ledger = folder.path() / "ledger.jsonl"});
  for (int step = 0; step < 3; ++step)
    training.step([&](const std::vector<Tensor>& x) {
      lora.apply();
      return nn::functional::cross_entropy(of(x[0]), x[1],
                                           nn::functional::CrossEntropyFuncOptions().reduction(torch::kNone));
    });
  for (std::size_t p = 0; p < before.size(); ++p) {
    const std::string& name = before[p].key();
    const bool moves = name.find("lora_") != std::string::npos || name.rfind("head.", 0) == 0;
    EXPECT_EQ(torch::equal(before[p].value(), values[p]), !moves) << name;
  }
}

TEST(Lora, ALayerWithTwoNamesIsAdaptedOnce) {
  nn::Linear shared(5, 5);
  nn::Sequential of;
  of->push_back("zero", nn::Linear(5, 5));
  of->push_back("one", shared);
  of->push_back("two", shared);
  EXPECT_THAT(Lora(*of, {.rank = 2, .targets = {"*"}}).targets(), ElementsAre("zero", "one"));
}

TEST(Lora, FactorsThatWereFrozenAfterwardsAreNotForgottenSilently) {
  Net of = net();
  Lora lora(*of, {.rank = 2, .targets = {"first"}});
  train_only(*of, {"head.*"});
  EXPECT_THROW(lora.apply(), UsageError);
  const torch::NoGradGuard no_grad;
  EXPECT_NO_THROW(lora.apply());
}

TEST(TextClassifier, TrainsWhatItsAdaptationSays) {
  const BertOptions small{.vocabulary = 30, .width = 8, .layers = 1, .heads = 2, .feed_forward = 12, .positions = 9};
  const auto names = [&](Adaptation adaptation) {
    TextClassifier model(TextClassifierOptions{.bert = small});
    const std::unique_ptr<Lora> lora = adapt(*model, adaptation, {.lora = {.rank = 2}});
    EXPECT_EQ(lora != nullptr, adaptation == Adaptation::lora);
    std::vector<std::string> result;
    for (const auto& item : model->named_parameters())
      if (item.value().requires_grad()) result.push_back(item.key());
    return result;
  };
  const std::string self = "bert.encoder.layer.0.attention.self.";
  EXPECT_THAT(names(Adaptation::head), ElementsAre("classifier.weight", "classifier.bias"));
  EXPECT_THAT(names(Adaptation::lora),
              UnorderedElementsAre(self + "query.lora_A", self + "query.lora_B", self + "value.lora_A",
                                   self + "value.lora_B", "classifier.weight", "classifier.bias"));
  EXPECT_EQ(names(Adaptation::full).size(), 5U + 16U + 2U);
  EXPECT_EQ(names(Adaptation::bitfit).size(), 1U + 8U + 2U);
  EXPECT_THROW(adaptation_of("LoRA"), UsageError);
  EXPECT_EQ(adaptation_of("bitfit"), Adaptation::bitfit);
}

TEST(Lora, RefusesWhatItCannotAdapt) {
  Net of = net();
  const auto refusal = [&](const LoraOptions& options) {
    try {
      Lora(*of, options);
    } catch (const UsageError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(refusal({.rank = 0, .targets = {"first"}}), HasSubstr("[Lora] rank: 0; must be at least 1"));
  EXPECT_THAT(refusal({.rank = 6, .targets = {"*"}}), HasSubstr("must be at most 5"));
  EXPECT_THAT(refusal({.alpha = 0.0, .targets = {"first"}}), HasSubstr("[Lora] alpha: 0"));
  EXPECT_THAT(refusal({.targets = {"query"}}), HasSubstr("'query' matches none of: first, second, head"));
  const Tensor part = torch::randn({5, 9}, torch::kDouble).requires_grad_(), before = of->second->weight;
  of->second->weight = part * 2.0;
  EXPECT_THAT(refusal({.rank = 2, .targets = {"*"}}), HasSubstr("the weight of layer second is computed from others"));
  of->second->weight = before;
  EXPECT_EQ(of->parameters().size(), 5U);  // a refusal adapts nothing
  EXPECT_TRUE(of->first->weight.requires_grad());
  EXPECT_EQ(refusal({.rank = 2, .targets = {"first"}}), "");
  EXPECT_THAT(refusal({.rank = 2, .targets = {"first"}}), HasSubstr("layer first is adapted already"));
}

}  // namespace
}  // namespace sotto::models
