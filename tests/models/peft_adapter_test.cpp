// Folders of adapters as PEFT has them: what is in them, that they come back, and every refusal. That PEFT computes the
// same logits of them is seen with compare_peft.py.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/models/frozen.h>
#include <sotto/models/peft_adapter.h>
#include <sotto/models/peft_config.h>
#include <sotto/models/safetensors.h>
#include <sotto/models/state.h>
#include <sotto/privacy/error.h>
#include <torch/torch.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>

#include "../support/message.h"
#include "../support/scratch_folder.h"

namespace sotto::models {
namespace {

using sotto::testing::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using torch::Tensor;
namespace fs = std::filesystem;

const std::string kSelf = "encoder.layer.0.attention.self.";
const Tensor kIds = torch::tensor({{5, 1, 29, 7, 0, 0}, {2, 3, 4, 8, 9, 10}});

// As PEFT 0.21.2 writes it.
constexpr const char* kPythonConfig = R"({
  "alora_invocation_tokens": null, "alpha_pattern": {}, "arrow_config": null, "auto_mapping": null,
  "base_model_name_or_path": "some/encoder", "bias": "none", "corda_config": null, "ensure_weight_tying": false,
  "eva_config": null, "exclude_modules": null, "fan_in_fan_out": false, "inference_mode": true,
  "init_lora_weights": true, "kasa_config": null, "layer_replication": null, "layers_pattern": null,
  "layers_to_transform": null, "loftq_config": {}, "lora_alpha": 6, "lora_bias": false, "lora_dropout": 0.1,
  "lora_ga_config": null, "megatron_config": null, "megatron_core": "megatron.core", "modules_to_save": null,
  "monteclora_config": null, "peft_type": "LORA", "peft_version": "0.21.2", "qalora_group_size": 16, "r": 2,
  "rank_pattern": {}, "revision": null, "target_modules": ["query", "value"], "target_parameters": null,
  "task_type": "FEATURE_EXTRACTION", "trainable_token_indices": null, "use_bdlora": null, "use_dora": false,
  "use_qalora": false, "use_rslora": false, "velora_config": null
})";

// Equal weights each time, but for the head.
TextClassifier classifier(Pooling pooling = Pooling::mean) {
  TextClassifier model(TextClassifierOptions{
      .bert = {.vocabulary = 30, .width = 8, .layers = 1, .heads = 2, .feed_forward = 12, .positions = 9},
      .outputs = 3,
      .pooling = pooling});
  torch::manual_seed(11);
  const torch::NoGradGuard no_grad;
  for (Tensor& parameter : model->bert->parameters()) parameter.normal_(0.0, 0.4);
  return model;
}

std::unique_ptr<Lora> adapted(const TextClassifier& model, const LoraOptions& options) {
  std::unique_ptr<Lora> lora = adapt(*model.ptr(), Adaptation::lora, {.lora = options});
  torch::manual_seed(12);
  const torch::NoGradGuard no_grad;
  for (const NamedTensor& factor : lora->factors()) factor.tensor.normal_(0.0, 0.5);
  for (Tensor& parameter : model->classifier->parameters()) parameter.normal_();
  return lora;
}

Tensor logits(TextClassifier& model, Lora& lora) {
  const torch::NoGradGuard no_grad;
  lora.apply();
  return model(kIds);
}

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

class PeftAdapterTest : public ::testing::Test {
 protected:
  // A folder as PEFT leaves it, with a head; A and B of each layer from here.
  void write_python_folder(const nlohmann::json& config, const std::vector<NamedTensor>& factors) {
    fs::create_directories(folder_);
    std::ofstream(folder_ / "adapter_config.json") << config.dump();
    save_state(folder_ / "adapter_model.safetensors", factors, {{"format", "pt"}});
    save_state(folder_ / "classifier.safetensors", {{"weight", head_}, {"bias", bias_}}, {{"pooling", "mean"}});
  }
  std::vector<NamedTensor> python_factors() const {
    std::vector<NamedTensor> result;
    for (const char* layer : {"query", "value"}) {
      const std::string name = "base_model.model." + kSelf + layer;
      result.push_back({name + ".lora_A.weight", torch::randn({2, 8})});
      result.push_back({name + ".lora_B.weight", torch::randn({8, 2})});
    }
    return result;
  }
  // The message of a refusal, which must leave the model as it was.
  std::string refusal(Pooling pooling = Pooling::mean) {
    TextClassifier model = classifier(pooling);
    torch::NoGradGuard no_grad;
    const Tensor before = model(kIds);
    std::string message = message_of<DataError>([&] { read_peft_adapter(folder_, *model); });
    EXPECT_EQ(model->named_parameters().size(), 5U + 16U + 2U);
    EXPECT_TRUE(model->named_parameters()["bert." + kSelf + "query.weight"].requires_grad());
    EXPECT_TRUE(torch::equal(model(kIds), before));
    return message;
  }
  std::string refusal_of_setting(const char* key, const nlohmann::json& value) {
    nlohmann::json config = nlohmann::json::parse(kPythonConfig);
    config[key] = value;
    write_python_folder(config, python_factors());
    return refusal();
  }

  sotto::testing::ScratchFolder scratch_;
  const fs::path folder_ = scratch_.path() / "adapter";
  const Tensor head_ = torch::randn({3, 8}), bias_ = torch::randn({3});
};

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
