#pragma once
// The small files that lie beside the weights in the folder of a model: what `sotto export` and `sotto import` take
// along.

#include <filesystem>
#include <vector>

namespace sotto::tools {

// Where the README.md of an encoder goes in a folder that has one of sotto's.
inline constexpr const char* kBaseReadme = "base-README.md";

// Those of the folder that are there and tell under what terms the model may be used: LICENSE, LICENSE.txt, LICENSE.md,
// LICENCE, NOTICE, kBaseReadme, and a README.md that is not sotto's own. Throws DataError for one that cannot be read.
std::vector<std::filesystem::path> licence_files(const std::filesystem::path& folder);

// Copies them into the folder under their names, each whole or not at all. Throws DataError for one that cannot be
// read, IoError.
void copy_files(const std::vector<std::filesystem::path>& files, const std::filesystem::path& folder);

}  // namespace sotto::tools
