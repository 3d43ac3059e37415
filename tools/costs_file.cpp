#include <fmt/format.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/json_integer.h>
#include <sotto/tools/costs_file.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

namespace sotto::tools {
namespace {

constexpr int kFormat = 1;
constexpr std::uintmax_t kLargestFile = 1 << 20;
constexpr size_t kMostEntries = 32;

struct Entry {
  CostsKey key;
  CostFigures figures;
};

nlohmann::ordered_json to_json(const Entry& entry) {
  return {{"processor", entry.key.processor}, {"instruction_set", entry.key.instruction_set},
          {"threads", entry.key.threads},     {"libtorch", entry.key.libtorch},
          {"sotto", entry.key.sotto},         {"matmul", entry.key.matmul},
          {"product", entry.figures.product}, {"record_products", entry.figures.record_products},
          {"gram", entry.figures.gram},       {"bytes", entry.figures.bytes}};
}

Entry from_json(const nlohmann::json& json) {
  return {{.processor = json.at("processor"),
           .instruction_set = json.at("instruction_set"),
           .threads = privacy::json_integer<int>(json.at("threads")),
           .libtorch = json.at("libtorch"),
           .sotto = json.at("sotto"),
           .matmul = json.at("matmul")},
          {.product = json.at("product"),
           .record_products = json.at("record_products"),
           .gram = json.at("gram"),
           .bytes = json.at("bytes")}};
}

// Newest first; none of a file that is not whole.
std::vector<Entry> read_entries(const std::filesystem::path& path) {
  std::error_code failed;
  if (!std::filesystem::is_regular_file(path, failed) || std::filesystem::file_size(path, failed) > kLargestFile)
    return {};
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  try {
    const auto json = nlohmann::json::parse(text.str());
    if (json.at("format") != kFormat) return {};
    std::vector<Entry> entries;
    for (const auto& entry : json.at("costs")) {
      entries.push_back(from_json(entry));
      if (!plausible(entries.back().figures)) return {};
    }
    return entries;
  } catch (const nlohmann::json::exception&) {
    return {};
  } catch (const std::invalid_argument&) {  // no whole number of threads
    return {};
  }
}

// Why it failed, or "".
std::string write_entries(const std::filesystem::path& path, const std::vector<Entry>& entries) {
  if (path.empty()) return "neither XDG_CACHE_HOME nor HOME names a folder";
  nlohmann::ordered_json json = {{"format", kFormat}, {"costs", nlohmann::json::array()}};
  for (const Entry& entry : entries) json["costs"].push_back(to_json(entry));
  std::error_code failed;
  std::filesystem::create_directories(path.parent_path(), failed);
  if (failed) return fmt::format("{}: {}", path.parent_path().string(), failed.message());
  try {
    privacy::write_file_atomically(path, json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace

std::filesystem::path costs_path() {
  for (const auto& [variable, below] : {std::pair{"XDG_CACHE_HOME", ""}, std::pair{"HOME", ".cache"}}) {
    const char* value = std::getenv(variable);
    if (value == nullptr || !std::filesystem::path(value).is_absolute()) continue;
    return std::filesystem::path(value) / below / "sotto" / "kernel_costs.json";
  }
  return {};
}

KeptCosts kept_costs(const std::filesystem::path& path, const CostsKey& key, bool refresh,
                     const std::function<CostFigures()>& measure) {
  std::vector<Entry> entries = read_entries(path);
  const auto found = std::ranges::find(entries, key, &Entry::key);
  if (!refresh && found != entries.end()) return {found->figures, false, {}};
  KeptCosts kept{measure(), true, {}};
  std::erase_if(entries, [&](const Entry& entry) { return entry.key == key; });
  entries.insert(entries.begin(), {key, kept.figures});
  entries.resize(std::min(entries.size(), kMostEntries));
  if (const std::string reason = write_entries(path, entries); !reason.empty())
    kept.notice = fmt::format("the costs of this machine's kernels were measured and cannot be kept: {}", reason);
  return kept;
}

}  // namespace sotto::tools
