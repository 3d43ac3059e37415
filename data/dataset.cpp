#include <fmt/format.h>
#include <sotto/data/dataset.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

namespace sotto::data {
namespace {

struct FileNames {
  const char* images;
  const char* labels;
};

constexpr FileNames file_names(Split split) {
  return split == Split::train ? FileNames{"train-images-idx3-ubyte", "train-labels-idx1-ubyte"}
                               : FileNames{"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
}

std::optional<std::filesystem::path> find_file(const std::filesystem::path& folder, const char* name) {
  for (const char* ending : {".gz", ""}) {
    std::filesystem::path path = folder / (std::string(name) + ending);
    std::error_code ignored;
    if (std::filesystem::is_regular_file(path, ignored)) return path;
  }
  return std::nullopt;
}

bool holds_dataset(const std::filesystem::path& folder) {
  for (const Split split : {Split::train, Split::test}) {
    const FileNames names = file_names(split);
    if (!find_file(folder, names.images) || !find_file(folder, names.labels)) return false;
  }
  return true;
}

std::filesystem::path required_file(const std::filesystem::path& folder, const char* name) {
  if (auto path = find_file(folder, name)) return *path;
  throw DataError(fmt::format("[read_dataset] {} holds neither {}.gz nor {}", folder.string(), name, name));
}

}  // namespace

std::span<const ImagePreset> image_presets() {
  static const std::array<ImagePreset, 2> presets = {{
      {.name = "fashion-mnist",
       .description = "grey pictures of clothes",
       .train_size = 60000,
       .test_size = 10000,
       .height = 28,
       .width = 28,
       .classes = 10},
      {.name = "mnist",
       .description = "grey pictures of handwritten digits",
       .train_size = 60000,
       .test_size = 10000,
       .height = 28,
       .width = 28,
       .classes = 10},
  }};
  return presets;
}

const ImagePreset& image_preset(std::string_view name) {
  std::string known;
  for (const ImagePreset& preset : image_presets()) {
    if (preset.name == name) return preset;
    known += (known.empty() ? "" : ", ") + preset.name;
  }
  throw UsageError(fmt::format("[image_preset] unknown data set: '{}'; known: {}", name, known));
}

std::vector<std::filesystem::path> data_folders() {
  if (const char* chosen = std::getenv("SOTTO_DATA"); chosen != nullptr && *chosen != '\0') return {chosen};
  std::vector<std::filesystem::path> folders = {"data-cache"};
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0')
    folders.push_back(std::filesystem::path(home) / ".cache" / "sotto" / "data");
  return folders;
}

std::filesystem::path find_dataset(const ImagePreset& preset, const std::vector<std::filesystem::path>& folders) {
  std::string searched;
  for (const std::filesystem::path& folder : folders) {
    std::filesystem::path candidate = folder / preset.name;
    if (holds_dataset(candidate)) return candidate;
    searched += (searched.empty() ? "" : ", ") + candidate.string();
  }
  throw DataError(
      fmt::format("[find_dataset] {} is not complete in any of: {}; fetch it with 'tools/fetch_data.sh {}', or set "
                  "SOTTO_DATA to the folder that holds {}/",
                  preset.name, searched, preset.name, preset.name));
}

LabelledImages read_dataset(const ImagePreset& preset, Split split, const std::filesystem::path& folder) {
  const FileNames names = file_names(split);
  LabelledImages result =
      read_labelled_images(required_file(folder, names.images), required_file(folder, names.labels), preset.classes);
  if (result.height != preset.height || result.width != preset.width)
    throw DataError(fmt::format("[read_dataset] {}: pictures of {} x {}; {} has {} x {}", folder.string(),
                                result.height, result.width, preset.name, preset.height, preset.width));
  return result;
}

}  // namespace sotto::data
