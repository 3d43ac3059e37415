#include <fmt/format.h>
#include <sotto/models/peft_config.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/strict_json.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>

namespace sotto::models {
namespace {

using privacy::JsonMember;
using privacy::JsonValue;

constexpr std::size_t kMostKeys = 1000;
constexpr int64_t kMostRank = 65'536;
constexpr std::size_t kShownBytes = 40;

// Settings that decide nothing about what a trained adapter computes.
constexpr std::array<std::string_view, 8> kReadOver = {"auto_mapping",  "inference_mode", "lora_dropout",
                                                       "megatron_core", "peft_version",   "qalora_group_size",
                                                       "revision",      "runtime_config"};

// What a message may repeat of a file that could hold anything.
std::string shown(const std::string& text) {
  std::string result = text.substr(0, kShownBytes);
  std::ranges::replace_if(
      result, [](char c) { return c < ' ' || c > '~'; }, '?');
  return "'" + result + "'";
}

std::string shown(const JsonValue& value) {
  if (const auto* truth = std::get_if<bool>(&value.value)) return *truth ? "true" : "false";
  if (const auto* number = std::get_if<int64_t>(&value.value)) return std::to_string(*number);
  if (const auto* number = std::get_if<double>(&value.value)) return fmt::format("{}", *number);
  if (const auto* text = std::get_if<std::string>(&value.value)) return shown(*text);
  return std::string(privacy::kind_of(value));
}

bool is_off(const JsonValue& value) {
  if (const auto* truth = std::get_if<bool>(&value.value)) return !*truth;
  if (const auto* list = std::get_if<JsonValue::Array>(&value.value)) return list->empty();
  if (const auto* object = std::get_if<JsonValue::Object>(&value.value)) return object->empty();
  return std::holds_alternative<std::nullptr_t>(value.value);
}

class Settings {
 public:
  explicit Settings(const std::filesystem::path& path) : path_(path) {
    std::error_code error;
    const std::uintmax_t bytes = std::filesystem::file_size(path, error);
    if (error) refuse(fmt::format("cannot be read: {}", error.message()));
    if (bytes > kMaxPeftConfigBytes)
      refuse(fmt::format("it has {} bytes; must be at most {}", bytes, kMaxPeftConfigBytes));
    std::ifstream file(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    if (!file) refuse("cannot be read");
    try {
      JsonValue document = privacy::read_strict_json("read_peft_config", text, kMostKeys);
      auto* object = std::get_if<JsonValue::Object>(&document.value);
      if (object == nullptr) refuse("it is not a JSON object");
      settings_ = std::move(*object);
    } catch (const UsageError& error_of_text) {
      throw DataError(fmt::format("{} (in {})", error_of_text.what(), path.string()));
    }
  }

  // Null when there is none.
  const JsonValue* take(std::string_view key) {
    const auto found = std::ranges::find(settings_, key, &JsonMember::key);
    if (found == settings_.end()) return nullptr;
    taken_.push_back(key);
    return &found->value;
  }
  const JsonValue& need(std::string_view key) {
    if (const JsonValue* value = take(key)) return *value;
    refuse(fmt::format("'{}' is missing", key));
  }
  // One of these, or absent where that is allowed.
  void demand(std::string_view key, const std::vector<JsonValue>& allowed, std::string_view words, bool required) {
    const JsonValue* value = required ? &need(key) : take(key);
    if (value == nullptr) return;
    for (const JsonValue& one : allowed) {
      if (one.value.index() != value->value.index()) continue;
      const auto* text = std::get_if<std::string>(&one.value);
      if (text == nullptr || *text == std::get<std::string>(value->value)) return;
    }
    refuse(key, *value, words);
  }
  void end() const {
    for (const JsonMember& setting : settings_) {
      if (std::ranges::find(taken_, setting.key) != taken_.end() ||
          std::ranges::find(kReadOver, setting.key) != kReadOver.end() || is_off(setting.value))
        continue;
      refuse(setting.key, setting.value, "null, false or empty: what it asks for is not done here");
    }
  }

  [[noreturn]] void refuse(std::string_view key, const JsonValue& value, std::string_view allowed) const {
    refuse(fmt::format("{} is {}; must be {}", shown(std::string(key)), shown(value), allowed));
  }
  [[noreturn]] void refuse(const std::string& what) const {
    throw DataError(fmt::format("[read_peft_config] {}: {}", path_.string(), what));
  }

 private:
  std::filesystem::path path_;
  JsonValue::Object settings_;
  std::vector<std::string_view> taken_;
};

std::vector<std::string> names(Settings& settings) {
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
  Settings settings(path);
  const JsonValue null{nullptr};
  settings.demand("peft_type", {JsonValue{"LORA"}}, "'LORA'", true);
  settings.demand("task_type", {JsonValue{"FEATURE_EXTRACTION"}, null}, "'FEATURE_EXTRACTION' or null", false);
  settings.demand("bias", {JsonValue{"none"}}, "'none'", false);
  // Others change the weights that the factors are added to.
  settings.demand("init_lora_weights", {JsonValue{true}, JsonValue{"gaussian"}, null}, "true, false or 'gaussian'",
                  false);
  PeftConfig config;
  const JsonValue& rank = settings.need("r");
  const auto* whole = std::get_if<int64_t>(&rank.value);
  if (whole == nullptr || *whole < 1 || *whole > kMostRank)
    settings.refuse("r", rank, fmt::format("an integer from 1 to {}", kMostRank));
  config.rank = *whole;
  const JsonValue& alpha = settings.need("lora_alpha");
  if (const auto* integer = std::get_if<int64_t>(&alpha.value)) {
    config.alpha = static_cast<double>(*integer);
  } else if (const auto* number = std::get_if<double>(&alpha.value)) {
    config.alpha = *number;
  } else {
    config.alpha = 0.0;
  }
  if (!(config.alpha > 0.0)) settings.refuse("lora_alpha", alpha, "a number above 0");
  if (const JsonValue* base = settings.take("base_model_name_or_path")) {
    const auto* text = std::get_if<std::string>(&base->value);
    if (text == nullptr && !std::holds_alternative<std::nullptr_t>(base->value))
      settings.refuse("base_model_name_or_path", *base, "text or null");
    if (text != nullptr) config.base_model = *text;
  }
  config.target_modules = names(settings);
  settings.end();
  return config;
}

}  // namespace sotto::models
