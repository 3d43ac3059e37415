// Folders of adapters as PEFT has them: what is in them, and that they come back. That PEFT computes the same logits of
// them is seen with compare_peft.py.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/models/frozen.h>
#include <sotto/models/peft_adapter.h>
#include <sotto/models/safetensors.h>
#include <torch/torch.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "peft_fixture.h"

namespace sotto::models {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using torch::Tensor;

using testing::adapted, testing::classifier, testing::logits;
using testing::kIds, testing::kPythonConfig, testing::kSelf, testing::PeftAdapterTest;

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_F(PeftAdapterTest, ComesBackBitForBit) {
  for (const Pooling pooling : {Pooling::mean, Pooling::layers, Pooling::first}) {
    fs::remove_all(folder_);
    TextClassifier model = classifier(pooling);
    const auto lora = adapted(model, {.rank = 3, .alpha = 5.0, .targets = {"*query", "*intermediate.dense"}});
    const Tensor expected = logits(model, *lora);
    write_peft_adapter(folder_, *model, *lora, "some/encoder");
    TextClassifier other = classifier(pooling);
    const PeftAdapter read = read_peft_adapter(folder_, *other);
    EXPECT_TRUE(torch::equal(logits(other, *read.lora), expected));
    EXPECT_EQ(read.base_model, "some/encoder");
    EXPECT_EQ(read.lora->rank(), 3);
    EXPECT_EQ(read.lora->alpha(), 5.0);
    EXPECT_EQ(read.lora->targets(), lora->targets());
  }
}

TEST_F(PeftAdapterTest, ACentreGoesIntoTheBias) {
  TextClassifierOptions options{
      .bert = classifier()->bert->options, .outputs = 3, .pooling = Pooling::layers, .centred = true};
  TextClassifier model(options), other = classifier(Pooling::layers);
  const auto lora = adapted(model, {.rank = 2, .targets = {"*query"}});
  {
    const torch::NoGradGuard no_grad;
    for (const auto& item : model->bert->named_parameters())
      if (const Tensor* const same = other->bert->named_parameters().find(item.key())) item.value().copy_(*same);
    model->centre.normal_();
  }
  const Tensor expected = logits(model, *lora);
  write_peft_adapter(folder_, *model, *lora, "some/encoder");
  EXPECT_GT(model->centre.abs().max().item<double>(), 0.1);
  const PeftAdapter read = read_peft_adapter(folder_, *other);
  EXPECT_TRUE(logits(other, *read.lora).allclose(expected, 1e-5, 1e-5));

  TextClassifier centred(options);  // what it subtracted before is not what the bias was made for
  {
    const torch::NoGradGuard no_grad;
    centred->centre.normal_();
  }
  read_peft_adapter(folder_, *centred);
  EXPECT_EQ(centred->centre.abs().max().item<double>(), 0.0);
}

TEST_F(PeftAdapterTest, FolderHoldsWhatPythonLooksFor) {
  TextClassifier model = classifier();
  const auto lora = adapted(model, {.rank = 2, .alpha = 16.0, .targets = {"*.self.key"}});
  write_peft_adapter(folder_, *model, *lora, "some/\"encoder\"");
  const auto config = nlohmann::json::parse(text_of(folder_ / "adapter_config.json"));
  EXPECT_EQ(config["peft_type"], "LORA");
  EXPECT_EQ(config["task_type"], "FEATURE_EXTRACTION");
  EXPECT_EQ(config["base_model_name_or_path"], "some/\"encoder\"");
  EXPECT_EQ(config["r"], 2);
  EXPECT_TRUE(config["lora_alpha"].is_number_integer());
  EXPECT_EQ(config["lora_alpha"], 16);
  EXPECT_EQ(config["target_modules"], nlohmann::json::array({kSelf + "key"}));
  EXPECT_EQ(config["bias"], "none");
  EXPECT_EQ(config["fan_in_fan_out"], false);
  for (const auto& [key, value] : config.items())
    EXPECT_TRUE(nlohmann::json::parse(kPythonConfig).contains(key)) << key;

  const auto factors = SafetensorsFile::read(folder_ / "adapter_model.safetensors");
  std::vector<std::string> names;
  for (const TensorView& tensor : factors.tensors()) names.push_back(tensor.name);
  const std::string key = "base_model.model." + kSelf + "key.lora_";
  EXPECT_THAT(names, ElementsAre(key + "A.weight", key + "B.weight"));
  EXPECT_THAT(factors.find(key + "A.weight")->shape, ElementsAre(2, 8));
  EXPECT_THAT(factors.find(key + "B.weight")->shape, ElementsAre(8, 2));
  const auto head = SafetensorsFile::read(folder_ / "classifier.safetensors");
  EXPECT_EQ(head.metadata().at("pooling"), "mean");
  EXPECT_THAT(head.find("weight")->shape, ElementsAre(3, 8));
  EXPECT_THAT(head.find("bias")->shape, ElementsAre(3));
  EXPECT_THAT(text_of(folder_ / "README.md"), HasSubstr(R"(from_pretrained("some/\"encoder\""))"));
}

TEST_F(PeftAdapterTest, MergingGivesTheAdaptersLogits) {
  TextClassifier model = classifier();
  const auto lora = adapted(model, {.rank = 2, .alpha = 3.0, .targets = {"*query", "*value"}});
  write_peft_adapter(folder_, *model, *lora, "some/encoder");
  TextClassifier other = classifier();
  const PeftAdapter read = read_peft_adapter(folder_, *other);
  const Tensor expected = logits(other, *read.lora);
  read.lora->merge();
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(other(kIds).allclose(expected, 1e-5, 1e-6));
  TextClassifier plain = classifier();
  for (const char* part : {"weight", "bias"})
    plain->classifier->named_parameters()[part].copy_(other->classifier->named_parameters()[part]);
  EXPECT_FALSE(plain(kIds).allclose(expected, 1e-2, 1e-2));
}

// W + (alpha / r) B A, with the factors of a folder that PEFT wrote.
TEST_F(PeftAdapterTest, FoldersOfPythonMeanWhatTheySay) {
  std::vector<NamedTensor> factors = python_factors();
  for (NamedTensor& factor : factors) factor.tensor = factor.tensor.to(torch::kHalf);
  write_python_folder(nlohmann::json::parse(kPythonConfig), factors);
  TextClassifier expected = classifier(), model = classifier();
  {
    const torch::NoGradGuard no_grad;
    const auto product = [&](std::size_t layer) {
      return 3.0 * factors[2 * layer + 1].tensor.to(torch::kFloat).mm(factors[2 * layer].tensor.to(torch::kFloat));
    };
    expected->bert->layers[0]->query->weight.add_(product(0));
    expected->bert->layers[0]->value->weight.add_(product(1));
    expected->classifier->weight.copy_(head_);
    expected->classifier->bias.copy_(bias_);
  }
  train_only(*model, {"classifier.*"});
  const PeftAdapter read = read_peft_adapter(folder_, *model);
  EXPECT_EQ(read.base_model, "some/encoder");
  EXPECT_THAT(read.lora->targets(), ElementsAre("bert." + kSelf + "query", "bert." + kSelf + "value"));
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(logits(model, *read.lora).allclose(expected(kIds), 1e-5, 1e-5));
  EXPECT_EQ(trained(*model).size(), 4U + 2U);  // it can be trained on
}

TEST_F(PeftAdapterTest, NamesMayBeWholeOrLastParts) {
  nlohmann::json config = nlohmann::json::parse(kPythonConfig);
  config["target_modules"] = {"self.value", kSelf + "query", "query"};
  config["task_type"] = nullptr;
  config["lora_alpha"] = 1.5;
  write_python_folder(config, python_factors());
  TextClassifier model = classifier();
  const PeftAdapter read = read_peft_adapter(folder_, *model);
  EXPECT_THAT(read.lora->targets(), ElementsAre("bert." + kSelf + "query", "bert." + kSelf + "value"));
  EXPECT_EQ(read.lora->scale(), 0.75);
}

}  // namespace
}  // namespace sotto::models
