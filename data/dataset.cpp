#include <fmt/format.h>
#include <sotto/data/cifar.h>
#include <sotto/data/dataset.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

namespace sotto::data {
namespace {

std::vector<std::string> file_names(ImagePreset::Files files, Split split) {
  if (files == ImagePreset::Files::cifar) {
    if (split == Split::test) return {"test_batch.bin"};
    return {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"};
  }
  if (split == Split::test) return {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
  return {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"};
}

std::optional<std::filesystem::path> find_file(const std::filesystem::path& folder, const std::string& name) {
  for (const char* ending : {".gz", ""}) {
    std::filesystem::path path = folder / (name + ending);
    std::error_code ignored;
    if (std::filesystem::is_regular_file(path, ignored)) return path;
  }
  return std::nullopt;
}

bool holds_dataset(const ImagePreset& preset, const std::filesystem::path& folder) {
  for (const Split split : {Split::train, Split::test})
    for (const std::string& name : file_names(preset.files, split))
      if (!find_file(folder, name)) return false;
  return true;
}

std::filesystem::path required_file(const std::filesystem::path& folder, const std::string& name) {
  if (auto path = find_file(folder, name)) return *path;
  throw DataError(fmt::format("[read_dataset] {} holds neither {}.gz nor {}", folder.string(), name, name));
}

}  // namespace

std::span<const ImagePreset> image_presets() {
  static const std::array<ImagePreset, 3> presets = {{
      {.name = "cifar10",
       .description = "colour pictures of animals and vehicles",
       .files = ImagePreset::Files::cifar,
       .train_size = 50000,
       .test_size = 10000,
       .channels = 3,
       .height = 32,
       .width = 32,
       .classes = 10},
      {.name = "fashion-mnist",
       .description = "grey pictures of clothes",
       .files = ImagePreset::Files::idx,
       .train_size = 60000,
       .test_size = 10000,
       .channels = 1,
       .height = 28,
       .width = 28,
       .classes = 10},
      {.name = "mnist",
       .description = "grey pictures of handwritten digits",
       .files = ImagePreset::Files::idx,
       .train_size = 60000,
       .test_size = 10000,
       .channels = 1,
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
    if (holds_dataset(preset, candidate)) return candidate;
    searched += (searched.empty() ? "" : ", ") + candidate.string();
  }
  throw DataError(
      fmt::format("[find_dataset] {} is not complete in any of: {}; 'tools/fetch_data.sh {}' fetches it or says where "
                  "its files come from; or set SOTTO_DATA to the folder that holds {}/",
                  preset.name, searched, preset.name, preset.name));
}

LabelledImages read_dataset(const ImagePreset& preset, Split split, const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const std::string& name : file_names(preset.files, split)) files.push_back(required_file(folder, name));
  LabelledImages result = preset.files == ImagePreset::Files::cifar
                              ? read_cifar10(files)
                              : read_labelled_images(files[0], files[1], preset.classes);
  if (result.channels != preset.channels || result.height != preset.height || result.width != preset.width)
    throw DataError(fmt::format("[read_dataset] {}: pictures of {} x {} x {}; {} has {} x {} x {}", folder.string(),
                                result.channels, result.height, result.width, preset.name, preset.channels,
                                preset.height, preset.width));
  return result;
}

}  // namespace sotto::data
