#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/tuning_grid.h>
#include <sotto/tools/tuning_record.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

namespace sotto::tools {
namespace {

constexpr auto kModelKeys =
    std::to_array<std::string_view>({"model", "adapt", "adapt-layers", "lora-rank", "lora-alpha", "lora-targets",
                                     "pooling", "centre", "per-group", "optimizer"});
constexpr auto kTrainingKeys = std::to_array<std::string_view>(
    {"rule", "psac-r", "auto-s-gamma", "nsgd-r", "clip-quantile", "clip-rate", "count-noise", "clip-norm", "lr",
     "encoder-lr", "lr-schedule", "warmup", "momentum", "noise-correction", "weight-decay"});
constexpr auto kSpendingKeys =
    std::to_array<std::string_view>({"epsilon", "noise-multiplier", "delta", "batch", "epochs", "steps"});
constexpr auto kSpeedKeys = std::to_array<std::string_view>(
    {"physical-batch", "threads", "matmul", "memory", "kernel-costs", "device", "fallback"});

template <typename Keys>
bool holds(const Keys& keys, std::string_view key) {
  return std::ranges::find(keys, key) != keys.end();
}

std::string why_not(const std::string& name) {
  if (holds(kSpendingKeys, name))
    return fmt::format(
        "{} changes what a run spends, and all candidates must spend the same: noise, sampling rate and steps are one "
        "for all of them",
        name);
  if (holds(kSpeedKeys, name)) return fmt::format("{} changes speed or memory alone, and no score", name);
  if (name == "insecure-test-seed") return "a test seed has no place in a tuning";
  return fmt::format("{} says what the records, the labels or the tests are, and those are the same for all candidates",
                     name);
}

std::vector<std::string> split(const std::string& text) {
  const char separator = text.find(';') != std::string::npos ? ';' : ',';
  std::vector<std::string> values;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    values.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return values;
}

std::pair<std::string, std::vector<std::string>> parse_axis(const std::string& text, TrainKey::Use runs) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw UsageError(fmt::format("[--try] bad value: '{}'; must be NAME=VALUE,VALUE,..., such as lr=0.5,1,2", text));
  std::string name = text.substr(0, equals);
  if (name.starts_with("--")) name.erase(0, 2);
  const TrainKey* key = find_train_key(name);
  if (key == nullptr || (!has(runs, *key) && may_be_tried(name)))
    throw UsageError(fmt::format(
        "[--try] unknown flag: '--{}'; allowed are flags that 'sotto train --help' tells of for such records, if they "
        "change neither the records nor what a run spends",
        name));
  if (!may_be_tried(name)) throw UsageError(fmt::format("[--try] {}", why_not(name)));
  std::vector<std::string> values = split(text.substr(equals + 1));
  std::set<std::string> seen;
  for (std::string& value : values) {
    TrainOptions options;
    if (value.empty()) throw UsageError(fmt::format("[--try] bad value: '{}' has an empty value", text));
    key->set(options, value);
    value = key->get(options).value_or(value);  // 0.50 is 0.5
    if (!seen.insert(value).second)
      throw UsageError(
          fmt::format("[--try] bad value: '{}' has {} twice; it would be drawn twice as often", text, value));
  }
  return {name, values};
}

}  // namespace

bool may_be_tried(std::string_view key) {
  return holds(kModelKeys, key) || holds(kTrainingKeys, key);
}

bool changes_model(std::string_view key) {
  return holds(kModelKeys, key);
}

TuningGrid parse_tuning_grid(const std::vector<std::string>& tries, const KeyTexts& given, TrainKey::Use runs) {
  if (tries.empty())
    throw UsageError("[--try] missing: what is there to choose from? Such as --try lr=0.5,1,2 --try clip-norm=0.1,1");
  TuningGrid grid;
  for (const std::string& text : tries) {
    grid.axes.push_back(parse_axis(text, runs));
    const std::string& name = grid.axes.back().first;
    if (std::ranges::count(grid.axes, name, [](const auto& axis) { return axis.first; }) > 1)
      throw UsageError(fmt::format("[--try] {} stands twice; give all its values at once", name));
    if (given.contains(name))
      throw UsageError(fmt::format("[--try] {} is given as --{} too; leave one of the two", name, name));
  }
  return grid;
}

std::vector<KeyTexts> candidates(const TuningGrid& grid) {
  std::vector<KeyTexts> result = {{}};
  for (const auto& [name, values] : grid.axes) {
    if (result.size() > kMostCandidates / values.size())
      throw UsageError(fmt::format("[--try] more than {} candidates", kMostCandidates));
    std::vector<KeyTexts> longer;
    for (const KeyTexts& candidate : result)
      for (const std::string& value : values) {
        longer.push_back(candidate);
        longer.back()[name] = value;
      }
    result = std::move(longer);
  }
  return result;
}

std::string to_text(const KeyTexts& candidate) {
  std::string text;
  for (const auto& [name, value] : candidate) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, value);
  return text;
}

}  // namespace sotto::tools
