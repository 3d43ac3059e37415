#include <fmt/format.h>
#include <sotto/data/dataset.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/sha256.h>
#include <sotto/tools/model_flags.h>
#include <sotto/tools/published_folder.h>

#include <span>

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

PublishedWeights read_weights(const std::filesystem::path& file, const std::string& expected) {
  const auto weights = models::SafetensorsFile::read(file);
  const std::span<const std::byte> bytes = weights.bytes();
  const std::string hash =
      privacy::sha256_hex(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  if (!expected.empty() && hash != expected)
    throw DataError(fmt::format("[--model-sha256] {} has the SHA-256 {}; must be {}", file.string(), hash, expected));
  return {file, hash, weights.metadata(), models::tensors_of(weights)};
}

}  // namespace sotto::tools
