// Every refusal of a folder of an adapter, and of one to write.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/models/frozen.h>
#include <sotto/models/peft_adapter.h>
#include <sotto/models/peft_config.h>
#include <sotto/models/state.h>
#include <sotto/privacy/error.h>
#include <torch/torch.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "../support/message.h"
#include "peft_fixture.h"

namespace sotto::models {
namespace {

using sotto::testing::message_of;
using ::testing::HasSubstr;
using torch::Tensor;

using testing::adapted, testing::classifier, testing::logits;
using testing::kPythonConfig, testing::kSelf, testing::PeftAdapterTest;

namespace fs = std::filesystem;

TEST_F(PeftAdapterTest, RefusesSettingsByName) {
  const std::vector<std::tuple<const char*, nlohmann::json, const char*>> cases = {
      {"peft_type", "IA3", "'peft_type' is 'IA3'; must be 'LORA'"},
      {"task_type", "SEQ_CLS", "'task_type' is 'SEQ_CLS'; must be 'FEATURE_EXTRACTION' or null"},
      {"bias", "all", "'bias' is 'all'; must be 'none'"},
      {"bias", "lora_only", "'bias' is 'lora_only'"},
      {"init_lora_weights", "pissa", "'init_lora_weights' is 'pissa'; must be true, false, 'gaussian' or null"},
      {"use_dora", true, "'use_dora' is true; must be null, false or empty"},
      {"use_rslora", true, "'use_rslora' is true"},
      {"fan_in_fan_out", true, "'fan_in_fan_out' is true"},
      {"lora_bias", true, "'lora_bias' is true"},
      {"rank_pattern", {{"query", 4}}, "'rank_pattern' is an object; must be null, false or empty"},
      {"alpha_pattern", {{"query", 4}}, "'alpha_pattern' is an object"},
      {"modules_to_save", {"classifier"}, "'modules_to_save' is an array"},
      {"layers_to_transform", {0}, "'layers_to_transform' is an array"},
      {"exclude_modules", {"key"}, "'exclude_modules' is an array"},
      {"target_parameters", {"x"}, "'target_parameters' is an array"},
      {"trainable_token_indices", {1, 2}, "'trainable_token_indices' is an array"},
      {"not_invented_yet", 0.5, "'not_invented_yet' is 0.5; must be null, false or empty"},
      {"r", 0, "'r' is 0; must be an integer from 1 to 65536"},
      {"r", 2.5, "'r' is 2.5"},
      {"r", "2", "'r' is '2'"},
      {"r", 9, "'r' is 9; must be at most 8, the smaller size of the weight of layer "},
      {"lora_alpha", 0, "'lora_alpha' is 0; must be a number above 0"},
      {"lora_alpha", -1.5, "'lora_alpha' is -1.5"},
      {"lora_alpha", "6", "'lora_alpha' is '6'"},
      {"target_modules", ".*query", "'target_modules' is '.*query'; must be a list of names"},
      {"target_modules", nlohmann::json::array(), "'target_modules' is an array; must be a list of names"},
      {"target_modules", {1}, "'target_modules' is 1; must be a list of names"},
      {"target_modules", {"query", "value", "c_attn"}, "stands for no linear layer of the encoder: 'c_attn'"},
      {"target_modules", {"query", "value", "LayerNorm"}, "stands for no linear layer of the encoder: 'LayerNorm'"},
      {"target_modules", {"query", "value", "uery"}, "stands for no linear layer of the encoder: 'uery'"},
      {"base_model_name_or_path", 3, "'base_model_name_or_path' is 3; must be text or null"},
  };
  for (const auto& [key, value, words] : cases) {
    const std::string message = refusal_of_setting(key, value);
    EXPECT_THAT(message, HasSubstr(words)) << key;
    EXPECT_THAT(message, HasSubstr((folder_ / "adapter_config.json").string()));
  }
  for (const char* key : {"r", "lora_alpha", "peft_type", "target_modules"}) {
    nlohmann::json config = nlohmann::json::parse(kPythonConfig);
    config.erase(key);
    write_python_folder(config, python_factors());
    EXPECT_THAT(refusal(), HasSubstr("'" + std::string(key) + "' is missing"));
  }
}

TEST_F(PeftAdapterTest, RefusesConfigurationsThatCannotBeRead) {
  write_python_folder({}, python_factors());
  const auto of = [&](const std::string& text) {
    std::ofstream(folder_ / "adapter_config.json") << text;
    return refusal();
  };
  EXPECT_THAT(of("[]"), HasSubstr("the file is an array; must be an object"));
  EXPECT_THAT(of("{"), HasSubstr("[read_peft_config]"));
  EXPECT_THAT(of(R"({"r": 2, "r": 4})"), HasSubstr("'r'"));
  EXPECT_THAT(of(R"({"lora_alpha": 1e999})"), HasSubstr("[read_peft_config]"));
  EXPECT_THAT(of(std::string(kMaxPeftConfigBytes + 1, ' ')), HasSubstr("longer than 1048576 bytes"));
  fs::remove(folder_ / "adapter_config.json");
  EXPECT_THAT(refusal(), HasSubstr("there is no such file"));
}

TEST_F(PeftAdapterTest, RefusesTensorsThatDoNotFit) {
  const auto with = [&](const std::function<void(std::vector<NamedTensor>&)>& spoil) {
    std::vector<NamedTensor> factors = python_factors();
    spoil(factors);
    write_python_folder(nlohmann::json::parse(kPythonConfig), factors);
    return refusal();
  };
  EXPECT_THAT(with([](auto& f) { f.pop_back(); }), HasSubstr(kSelf + "value.lora_B.weight' is missing"));
  EXPECT_THAT(with([](auto& f) {
                f.push_back({"base_model.model.pooler.dense.lora_A.weight", torch::ones({2, 8})});
                f.push_back({"base_model.model.classifier.weight", torch::ones({3, 8})});
              }),
              ::testing::AllOf(HasSubstr("'base_model.model.pooler.dense.lora_A.weight' is not in the model"),
                               HasSubstr("'base_model.model.classifier.weight' is not in the model")));
  EXPECT_THAT(with([](auto& f) {
                f[0].tensor = torch::ones({3, 8});
              }),
              HasSubstr("has shape [3, 8] where the model has [2, 8]"));
  EXPECT_THAT(with([](auto& f) { f[0].tensor = f[0].tensor.to(torch::kLong); }), HasSubstr("is of type I64"));
  // As of BertForSequenceClassification.
  EXPECT_THAT(with([](auto& f) {
                for (NamedTensor& each : f) each.name.insert(std::string("base_model.model.").size(), "bert.");
              }),
              HasSubstr("base_model.model." + kSelf + "query.lora_A.weight' is missing"));
}

TEST_F(PeftAdapterTest, RefusesHeadsThatDoNotFit) {
  write_python_folder(nlohmann::json::parse(kPythonConfig), python_factors());
  EXPECT_THAT(refusal(Pooling::first), HasSubstr("its metadata say pooling 'mean'; the model's is 'first'"));
  const fs::path head = folder_ / "classifier.safetensors";
  save_state(head, {{"weight", head_}, {"bias", bias_}});
  EXPECT_THAT(refusal(), HasSubstr("its metadata say pooling ''; the model's is 'mean'"));
  save_state(head, {{"weight", torch::ones({2, 8})}, {"bias", torch::ones({2})}}, {{"pooling", "mean"}});
  EXPECT_THAT(refusal(), HasSubstr("'weight' has shape [2, 8] where the model has [3, 8]"));
  save_state(head, {{"weight", head_}}, {{"pooling", "mean"}});
  EXPECT_THAT(refusal(), HasSubstr("'bias' is missing"));
  save_state(head, {{"weight", head_}, {"bias", bias_}, {"scale", bias_}}, {{"pooling", "mean"}});
  EXPECT_THAT(refusal(), HasSubstr("'scale' is not in the model"));
  fs::remove(head);
  EXPECT_THAT(refusal(), HasSubstr("there is no such file"));
}

TEST_F(PeftAdapterTest, AModelThatIsAdaptedAlreadyIsRefusedAndKeepsItsAdapter) {
  TextClassifier model = classifier();
  const auto lora = adapted(model, {.rank = 2, .targets = {"*query"}});
  write_peft_adapter(folder_, *model, *lora, "some/encoder");
  const Tensor before = logits(model, *lora);
  EXPECT_THAT(message_of<UsageError>([&] { read_peft_adapter(folder_, *model); }), HasSubstr("is adapted already"));
  EXPECT_TRUE(torch::equal(logits(model, *lora), before));
}

TEST_F(PeftAdapterTest, WritesNothingThatWouldMeanSomethingElse) {
  const auto refused = [&](const LoraOptions& options, const std::function<void(TextClassifier&, Lora&)>& spoil,
                           const std::string& base = "some/encoder") {
    TextClassifier model = classifier();
    const auto lora = adapted(model, options);
    spoil(model, *lora);
    std::string message = message_of<UsageError>([&] { write_peft_adapter(folder_, *model, *lora, base); });
    EXPECT_EQ(std::distance(fs::directory_iterator(scratch_.path()), {}), 0);
    return message;
  };
  const LoraOptions some{.rank = 2, .targets = {"*query"}};
  const auto nothing = [](auto&, auto&) {};
  EXPECT_THAT(refused({.rank = 2, .targets = {"*query", "classifier"}}, nothing),
              HasSubstr("layer classifier is adapted; must be one of the encoder, bert.*"));
  EXPECT_THAT(refused(some, [](auto&, Lora& lora) { lora.merge(); }), HasSubstr("write them before merge()"));
  EXPECT_THAT(refused(some, [](auto& model, auto&) { thaw(*model, {"*LayerNorm.weight"}); }),
              HasSubstr("bert.embeddings.LayerNorm.weight is trained"));
  EXPECT_THAT(refused(some,
                      [](auto& model, auto&) {
                        Lora(*model, {.rank = 2, .targets = {"*value"}});
                        freeze(*model, {"*value.lora_*"});
                      }),
              HasSubstr("bert." + kSelf + "value.lora_A is trained or adapts a layer"));
  EXPECT_THAT(refused(some, [](TextClassifier& model, auto&) { model = classifier(); }),
              HasSubstr("query.lora_A is no factor of this model"));
  EXPECT_THAT(refused(some, nothing, ""), HasSubstr("a base model of 0 bytes; must be 1 to 4096 bytes"));
  EXPECT_THAT(refused(some, nothing, "a\nb"), HasSubstr("without control characters"));
  EXPECT_THAT(refused(some, nothing, "\xff"), HasSubstr("is not UTF-8"));
}

TEST_F(PeftAdapterTest, NoFolderIsOverwritten) {
  fs::create_directory(folder_);
  TextClassifier model = classifier();
  const auto lora = adapted(model, {.rank = 2, .targets = {"*query"}});
  EXPECT_THAT(message_of<UsageError>([&] { write_peft_adapter(folder_, *model, *lora, "some/encoder"); }),
              HasSubstr("is there already"));
  EXPECT_TRUE(fs::is_empty(folder_));
  EXPECT_EQ(std::distance(fs::directory_iterator(scratch_.path()), {}), 1);
}

}  // namespace
}  // namespace sotto::models
