#include <fmt/format.h>
#include <sotto/models/file_bytes.h>
#include <sotto/models/peft_config.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/json_node.h>

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

namespace sotto::models {
namespace {

using privacy::JsonNode;
using privacy::JsonValue;

constexpr const char* kFunction = "read_peft_config";
constexpr std::size_t kMostKeys = 1000;
constexpr int64_t kMostRank = 65'536;

// Settings that decide nothing about what a trained adapter computes.
constexpr std::array<std::string_view, 8> kReadOver = {"auto_mapping",  "inference_mode", "lora_dropout",
                                                       "megatron_core", "peft_version",   "qalora_group_size",
                                                       "revision",      "runtime_config"};

std::vector<std::string> names(JsonNode& settings) {
  const JsonValue& value = settings.need("target_modules");
  const auto* list = std::get_if<JsonValue::Array>(&value.value);
  std::vector<std::string> result;
  for (const JsonValue& name : list == nullptr ? JsonValue::Array() : *list) {
    const auto* text = std::get_if<std::string>(&name.value);
    if (text == nullptr || text->empty()) settings.refuse("target_modules", name, "a list of names");
    result.push_back(*text);
  }
  if (result.empty()) settings.refuse("target_modules", value, "a list of names");
  return result;
}

}  // namespace

std::string format_peft_config(const PeftConfig& config) {
  nlohmann::ordered_json json = {{"peft_type", "LORA"},
                                 {"task_type", "FEATURE_EXTRACTION"},
                                 {"base_model_name_or_path", config.base_model},
                                 {"r", config.rank},
                                 {"lora_alpha", config.alpha},
                                 {"lora_dropout", 0.0},
                                 {"target_modules", config.target_modules},
                                 {"bias", "none"},
                                 {"fan_in_fan_out", false},
                                 {"init_lora_weights", true},
                                 {"modules_to_save", nullptr},
                                 {"inference_mode", true}};
  // PEFT declares it an integer and computes with any number.
  if (config.alpha == std::floor(config.alpha) && config.alpha < 1e15)
    json["lora_alpha"] = static_cast<int64_t>(config.alpha);
  try {
    return json.dump(2) + "\n";
  } catch (const nlohmann::json::exception&) {
    throw UsageError("[format_peft_config] the base model or the name of a layer is not UTF-8");
  }
}

PeftConfig read_peft_config(const std::filesystem::path& path) {
  const JsonValue document = privacy::parse_settings(
      kFunction, path, beginning_of(kFunction, path, kMaxPeftConfigBytes + 1), kMaxPeftConfigBytes, kMostKeys);
  JsonNode settings(kFunction, path, "", document);
  const JsonValue null{nullptr};
  settings.demand("peft_type", {JsonValue{"LORA"}});
  settings.demand_if_given("task_type", {JsonValue{"FEATURE_EXTRACTION"}, null});
  settings.demand_if_given("bias", {JsonValue{"none"}});
  // Others change the weights that the factors are added to.
  settings.demand_if_given("init_lora_weights", {JsonValue{true}, JsonValue{false}, JsonValue{"gaussian"}, null});
  PeftConfig config;
  config.rank = settings.integer("r", 1, kMostRank);
  const JsonValue& alpha = settings.need("lora_alpha");
  config.alpha = as_number(alpha).value_or(0.0);
  if (!(config.alpha > 0.0 && config.alpha <= kMostPeftAlpha))
    settings.refuse("lora_alpha", alpha, fmt::format("a number above 0, at most {}", kMostPeftAlpha));
  if (const JsonValue* base = settings.take("base_model_name_or_path")) {
    const auto* text = std::get_if<std::string>(&base->value);
    if (text == nullptr && !std::holds_alternative<std::nullptr_t>(base->value))
      settings.refuse("base_model_name_or_path", *base, "text or null");
    if (text != nullptr) config.base_model = *text;
  }
  config.target_modules = names(settings);
  for (const std::string_view unused : kReadOver) settings.take(unused);
  settings.end_with_rest_off();
  return config;
}

}  // namespace sotto::models
