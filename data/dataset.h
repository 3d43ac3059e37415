#pragma once
// Presets: public data sets that a command can name, where their files lie, and what is declared about them.
//
// What is declared here is public knowledge. In particular train_size is what sampling rates and delta are derived
// from; it is never taken from the files, whose number of records is a private fact.

#include <sotto/data/idx.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sotto::data {

struct ImagePreset {
  // idx: train|t10k-images-idx3-ubyte and -labels-idx1-ubyte, with or without .gz; grey pictures.
  // cifar: data_batch_1.bin to data_batch_5.bin and test_batch.bin of cifar.h.
  enum class Files { idx, cifar };

  std::string name;
  std::string description;
  Files files;
  std::int64_t train_size;
  std::int64_t test_size;
  std::int64_t channels;
  std::int64_t height;
  std::int64_t width;
  int classes;
};

enum class Split { train, test };

// All presets, sorted by name.
std::span<const ImagePreset> image_presets();

// Throws UsageError that lists the known names.
const ImagePreset& image_preset(std::string_view name);

// Where data sets are looked for: the environment variable SOTTO_DATA and nothing else when it is set; otherwise
// data-cache under the current folder, then ~/.cache/sotto/data.
std::vector<std::filesystem::path> data_folders();

// The first FOLDER/NAME that holds all files of the preset. Throws DataError that names the folders searched and the
// command that fetches the data or says where they come from.
std::filesystem::path find_dataset(const ImagePreset& preset, const std::vector<std::filesystem::path>& folders);

// Reads one split out of the folder that find_dataset returned. Throws DataError when a file is malformed or the
// pictures are not of the preset's channels, height and width.
LabelledImages read_dataset(const ImagePreset& preset, Split split, const std::filesystem::path& folder);

}  // namespace sotto::data
