#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/sha256.h>
#include <sotto/tools/declaration.h>
#include <sotto/tools/file_text.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace sotto::tools {
namespace {

constexpr auto kDeclared = std::to_array<std::string_view>(
    {"dataset",      "class-names",      "picture-shape",       "classes",      "input-type",
     "data-format",  "no-header",        "text-column",         "label-column", "labels",
     "group-column", "group-up-to",      "max-per-group",       "drop-repeats", "test-fraction",
     "split-seed",   "dataset-size",     "tokenizer",           "max-tokens",   "model-sha256",
     "adapt",        "adapt-layers",     "lora-rank",           "lora-alpha",   "lora-targets",
     "pooling",      "centre",           "public-base",         "rule",         "per-group",
     "optimizer",    "noise-correction", "table-schema-sha256", "batch",        "epochs",
     "steps",        "epsilon",          "noise-multiplier",    "noise",        "delta",
     "clip-norm",    "psac-r",           "auto-s-gamma",        "nsgd-r",       "insecure-test-seed"});

// Only where they are set: runs that began before there were these keys are continued.
constexpr auto kDeclaredWhereSet = std::to_array<std::string_view>(
    {"clip-quantile", "clip-rate", "count-noise", "private-metrics", "metric-noise", "stop-early"});

std::vector<std::filesystem::path> declared_files(const RunFolder& folder) {
  std::vector<std::filesystem::path> result;
  std::error_code ignored;
  for (const auto& file : {folder.schema(), folder.vocabulary(), folder.graph(), folder.tuning()})
    if (std::filesystem::exists(file, ignored)) result.push_back(file);
  if (std::filesystem::exists(folder.encoder(), ignored))
    for (const char* name : {"config.json", "tokenizer.json", "vocab.txt", "tokenizer_config.json"})
      if (std::filesystem::exists(folder.encoder() / name, ignored)) result.push_back(folder.encoder() / name);
  for (const std::string& name : certificate_names())
    if (name.starts_with("base-") && std::filesystem::exists(folder.path() / name, ignored))
      result.push_back(folder.path() / name);
  std::ranges::sort(result);
  return result;
}

}  // namespace

std::string declaration_sha256(const TrainOptions& options, const RunFolder& folder) {
  std::string text;
  for (const std::string_view name : kDeclared) {
    const TrainKey* key = find_train_key(name);
    SOTTO_ASSERT(key != nullptr);
    text += fmt::format("{} = {}\n", name, key->get(options).value_or(""));
  }
  for (const std::string_view name : kDeclaredWhereSet) {
    const TrainKey* key = find_train_key(name);
    SOTTO_ASSERT(key != nullptr);
    if (const auto value = key->get(options)) text += fmt::format("{} = {}\n", name, *value);
  }
  for (const std::filesystem::path& file : declared_files(folder))
    text += fmt::format("{} {}\n", file.filename().string(), privacy::sha256_hex(file_text(file)));
  return privacy::sha256_hex(text);
}

}  // namespace sotto::tools
