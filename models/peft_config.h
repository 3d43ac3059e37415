#pragma once
// adapter_config.json of a folder in the layout of PEFT, the Python library, for LoRA of an encoder: the settings that
// decide what an adapter computes. Written with the keys of PEFT 0.21 that are not at their defaults or had no default
// once, so that older and newer releases read it alike.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace sotto::models {

struct PeftConfig {
  std::string base_model;  // base_model_name_or_path; empty where the file has null
  int64_t rank = 8;        // r, 1 to 65,536
  double alpha = 16.0;     // lora_alpha, above 0, at most kMostPeftAlpha; factors are scaled by alpha / rank
  // Names of layers, or their last parts: "query" stands for every layer "....query". At least one.
  std::vector<std::string> target_modules;
};

inline constexpr double kMostPeftAlpha = 1e30;  // kMostLoraAlpha of lora_factors.h, which needs LibTorch

// Above this a configuration is refused unread.
inline constexpr std::uintmax_t kMaxPeftConfigBytes = 1 << 20;

// Throws UsageError when a text is not UTF-8.
std::string format_peft_config(const PeftConfig& config);

// Reads what PEFT writes for LoRA of a model for features (task type FEATURE_EXTRACTION or none). Throws DataError
// naming file and key: no JSON object, a key twice, a value that is missing or out of range, and every setting that
// would change what the adapter computes: another kind of adapter or task, bias other than "none", use_dora,
// use_rslora, fan_in_fan_out, rank_pattern, alpha_pattern, modules_to_save, layers_to_transform, ...; and any key that
// is not known here, unless it is null, false or empty.
PeftConfig read_peft_config(const std::filesystem::path& path);

}  // namespace sotto::models
