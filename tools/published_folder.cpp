#include <fmt/format.h>
#include <sotto/data/dataset.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/sha256.h>
#include <sotto/tools/model_flags.h>
#include <sotto/tools/published_folder.h>

#include <fstream>
#include <sstream>

namespace sotto::tools {

std::filesystem::path published_folder(std::string_view model, const std::string& weights) {
  std::string searched;
  for (const std::filesystem::path& folder : data::data_folders()) {
    std::filesystem::path candidate = folder / model;
    std::error_code ignored;
    if (std::filesystem::is_regular_file(candidate / weights, ignored)) return candidate;
    searched += (searched.empty() ? "" : ", ") + candidate.string();
  }
  throw DataError(fmt::format(
      "[--model] {} is in none of: {}; 'tools/fetch_data.sh {}' fetches it, or set SOTTO_DATA to the folder "
      "that holds {}/",
      model, searched, model, model));
}

std::filesystem::path text_model_folder(const std::string& model) {
  return model == kMiniLm ? published_folder(model, "model.safetensors") : std::filesystem::path(model);
}

std::string checked_weights_sha256(const std::filesystem::path& weights, const std::string& expected) {
  std::ifstream file(weights, std::ios::binary);
  std::ostringstream bytes;
  if (!(file && bytes << file.rdbuf())) throw DataError(fmt::format("[--model] {} cannot be read", weights.string()));
  std::string hash = privacy::sha256_hex(bytes.view());
  if (!expected.empty() && hash != expected)
    throw DataError(
        fmt::format("[--model-sha256] {} has the SHA-256 {}; must be {}", weights.string(), hash, expected));
  return hash;
}

}  // namespace sotto::tools
