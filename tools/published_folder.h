#pragma once
// Where the weights of a published model that --model names lie.

#include <sotto/models/state.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace sotto::tools {

// MODEL/`weights` in the first folder of data/dataset.h that has it; the folder MODEL. Throws DataError that lists
// where it was looked for.
std::filesystem::path published_folder(std::string_view model, const std::string& weights);

// The folder that a name of a published model of texts means: kMiniLm as above, or the name itself.
std::filesystem::path text_model_folder(const std::string& model);

// A file of weights, read once: what has the hash is what is used.
struct PublishedWeights {
  std::filesystem::path file;
  std::string sha256;
  models::Metadata metadata;
  std::vector<models::NamedTensor> tensors;
};
// Throws DataError when it cannot be read, is no safetensors file or has another SHA-256 than `expected`, which may be
// empty.
PublishedWeights read_weights(const std::filesystem::path& file, const std::string& expected);

}  // namespace sotto::tools
