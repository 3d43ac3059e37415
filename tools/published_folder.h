#pragma once
// Where the weights of a published model that --model names lie.

#include <filesystem>
#include <string>
#include <string_view>

namespace sotto::tools {

// MODEL/`weights` in the first folder of data/dataset.h that has it; the folder MODEL. Throws DataError that lists
// where it was looked for.
std::filesystem::path published_folder(std::string_view model, const std::string& weights);

// The folder that a name of a published model of texts means: kMiniLm as above, or the name itself.
std::filesystem::path text_model_folder(const std::string& model);

// The SHA-256 of the file. Throws DataError when it cannot be read, or has another one than `expected`, which may be
// empty.
std::string checked_weights_sha256(const std::filesystem::path& weights, const std::string& expected);

}  // namespace sotto::tools
