#pragma once
// A small classifier of texts with an adapter, and a folder of an adapter as PEFT leaves it.

#include <gtest/gtest.h>
#include <sotto/models/lora.h>
#include <sotto/models/peft_adapter.h>
#include <sotto/models/state.h>
#include <sotto/models/text_classifier.h>
#include <sotto/privacy/error.h>
#include <torch/torch.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "../support/message.h"
#include "../support/scratch_folder.h"

namespace sotto::models::testing {

inline const std::string kSelf = "encoder.layer.0.attention.self.";
inline const torch::Tensor kIds = torch::tensor({{5, 1, 29, 7, 0, 0}, {2, 3, 4, 8, 9, 10}});

// As PEFT 0.21.2 writes it.
inline constexpr const char* kPythonConfig = R"({
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
inline TextClassifier classifier(Pooling pooling = Pooling::mean) {
  TextClassifier model(TextClassifierOptions{
      .bert = {.vocabulary = 30, .width = 8, .layers = 1, .heads = 2, .feed_forward = 12, .positions = 9},
      .outputs = 3,
      .pooling = pooling});
  torch::manual_seed(11);
  const torch::NoGradGuard no_grad;
  for (torch::Tensor& parameter : model->bert->parameters()) parameter.normal_(0.0, 0.4);
  return model;
}

inline std::unique_ptr<Lora> adapted(const TextClassifier& model, const LoraOptions& options) {
  std::unique_ptr<Lora> lora = adapt(*model.ptr(), Adaptation::lora, {.lora = options});
  torch::manual_seed(12);
  const torch::NoGradGuard no_grad;
  for (const NamedTensor& factor : lora->factors()) factor.tensor.normal_(0.0, 0.5);
  for (torch::Tensor& parameter : model->classifier->parameters()) parameter.normal_();
  return lora;
}

inline torch::Tensor logits(TextClassifier& model, Lora& lora) {
  const torch::NoGradGuard no_grad;
  lora.apply();
  return model(kIds);
}

class PeftAdapterTest : public ::testing::Test {
 protected:
  // A folder as PEFT leaves it, with a head; A and B of each layer from here.
  void write_python_folder(const nlohmann::json& config, const std::vector<NamedTensor>& factors) {
    std::filesystem::create_directories(folder_);
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
    const torch::Tensor before = model(kIds);
    std::string message = sotto::testing::message_of<DataError>([&] { read_peft_adapter(folder_, *model); });
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
  const std::filesystem::path folder_ = scratch_.path() / "adapter";
  const torch::Tensor head_ = torch::randn({3, 8}), bias_ = torch::randn({3});
};

}  // namespace sotto::models::testing
