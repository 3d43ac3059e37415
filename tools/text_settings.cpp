#include <sotto/tools/preset_settings.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace sotto::tools {
namespace {

// Of every preset, beside its batch and clip norm.
KeyTexts common_settings() {
  return {{"adapt", "head"},         {"pooling", "layers"}, {"centre", "true"},
          {"rule", "flat"},          {"optimizer", "sgd"},  {"lr", "5"},
          {"lr-schedule", "linear"}, {"steps", "60"},       {"physical-batch", "1024"}};
}

// What else decides how good such a run is.
constexpr std::array<std::string_view, 18> kBesides = {
    "data",      "model",      "vocabulary",   "tokenizer",        "adapt-layers", "encoder-lr",
    "lora-rank", "lora-alpha", "lora-targets", "epochs",           "batch",        "clip-norm",
    "warmup",    "momentum",   "weight-decay", "noise-correction", "per-group",    "fallback"};

}  // namespace

KeyTexts preset_settings(const KeyTexts& given) {
  const auto preset = given.find("dataset");
  if (preset == given.end()) return {};
  const KeyTexts common = common_settings();
  KeyTexts result = common;
  if (preset->second == "movie-reviews")
    result.insert({{"batch", "8471"}, {"clip-norm", "1.4"}});
  else if (preset->second == "sms-spam")
    result.insert({{"batch", "4090"}, {"clip-norm", "1"}});
  else
    return {};
  const auto said = [&given](std::string_view key) { return given.contains(std::string(key)); };
  if (std::ranges::any_of(kBesides, said) ||
      std::ranges::any_of(common, [&](const auto& one) { return said(one.first); }))
    return {};
  return result;
}

}  // namespace sotto::tools
