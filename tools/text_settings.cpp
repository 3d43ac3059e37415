#include <fmt/format.h>
#include <sotto/data/label_rule.h>
#include <sotto/data/text_preset.h>
#include <sotto/tools/model_flags.h>
#include <sotto/tools/numbers.h>
#include <sotto/tools/text_settings.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace sotto::tools {
namespace {

constexpr int64_t kRecordsPerStep = 70, kFewestSteps = 20, kPlainHeadSteps = 200;
constexpr double kHeadLr = 5, kRegressionScale = 0.2;

// The rows of the table in the header; no rate of the encoder where nothing of it is adapted, no Adam where SGD trains
// without privacy too.
struct Way {
  std::string_view name;
  int64_t largest_batch, most_steps;
  double clip_norm;
  double encoder_lr = 0;
  double adam_lr = 0;
  int64_t adam_epochs = 0;
};
constexpr std::array<Way, 4> kWays = {{
    // batch, steps, clip norm, encoder; Adam: rate, epochs
    {"head", 16384, 60, 1.4},
    {"lora", 2048, 60, 2, 3, 2e-3, 4},
    {"bitfit", 2048, 60, 2, 0.02, 3e-3, 4},
    {"full", 1024, 40, 2, 0.05, 1e-4, 2},
}};
constexpr int64_t kAdamBatch = 64;

// Who says these has said how to train, as the config.toml of a run does.
constexpr std::array<const char*, 4> kWhole = {"batch", "lr", "pooling", "steps"};

std::optional<std::string> text_of(const KeyTexts& given, const char* key) {
  const auto found = given.find(key);
  return found == given.end() ? std::nullopt : std::optional(found->second);
}

std::optional<int64_t> declared_size(const KeyTexts& given) {
  const auto preset = text_of(given, "dataset"), size = text_of(given, "dataset-size");
  if (preset) {
    const data::TextPreset* const known = data::find_text_preset(*preset);
    return known == nullptr ? std::nullopt : std::optional(known->train_size);
  }
  if (!size) return std::nullopt;
  return parse_integer("--dataset-size", *size);
}

std::string number(double value) {
  return fmt::format("{:g}", value);
}

KeyTexts sgd(const Way& way, int64_t records, int64_t steps, double rate_scale) {
  return {{"optimizer", "sgd"},
          {"momentum", "0.9"},
          {"lr", number(rate_scale * kHeadLr)},
          {"batch", fmt::format("{}", std::min(records, way.largest_batch))},
          {"steps", fmt::format("{}", steps)}};
}

KeyTexts plain_settings(const Way& way, int64_t records, double rate_scale) {
  if (way.adam_epochs == 0) return sgd(way, records, kPlainHeadSteps, rate_scale);
  return {{"optimizer", "adam"},
          {"lr", number(way.adam_lr)},
          {"epochs", fmt::format("{}", way.adam_epochs)},
          {"batch", fmt::format("{}", std::min(records, kAdamBatch))}};
}

KeyTexts private_settings(const Way& way, int64_t records, double rate_scale) {
  KeyTexts result = sgd(way, records, std::clamp(records / kRecordsPerStep, kFewestSteps, way.most_steps), rate_scale);
  result.insert({{"rule", "flat"}, {"clip-norm", number(way.clip_norm)}});
  if (way.encoder_lr > 0) result["encoder-lr"] = number(rate_scale * way.encoder_lr);
  if (way.name == "lora") result.insert({{"lora-targets", "*value"}, {"lora-alpha", "4"}, {"lora-rank", "8"}});
  return result;
}

}  // namespace

KeyTexts text_settings(const KeyTexts& given) {
  if (std::ranges::all_of(kWhole, [&](const char* key) { return given.contains(key); })) return {};
  const std::optional<int64_t> records = declared_size(given);
  if (!records || *records < 1 || is_text_network(text_of(given, "model").value_or(""))) return {};
  const std::string name = text_of(given, "adapt").value_or("head"), rule = text_of(given, "rule").value_or("flat");
  const auto* const way = std::ranges::find(kWays, name, &Way::name);
  if (way == kWays.end() || (rule != "flat" && rule != "none")) return {};

  const auto labels = text_of(given, "labels");
  const double scale = labels && data::LabelRule::parse(*labels).is_range() ? kRegressionScale : 1;
  KeyTexts result = rule == "none" ? plain_settings(*way, *records, scale) : private_settings(*way, *records, scale);
  if (text_of(given, "optimizer").value_or(result["optimizer"]) != result["optimizer"]) return {};
  result.insert({{"adapt", name}, {"pooling", "layers"}, {"lr-schedule", "linear"}});
  if (!given.contains("pooling") && !given.contains("per-group")) result["centre"] = "true";
  if (name == "lora" || name == "bitfit") result["adapt-layers"] = "2";
  // Speed and memory alone: passes in which a record takes little.
  if (name == "head") result["physical-batch"] = "1024";
  if (result.contains("adapt-layers") && !given.contains("group-column")) result["physical-batch"] = "256";
  return result;
}

}  // namespace sotto::tools
