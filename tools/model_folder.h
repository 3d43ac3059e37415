#pragma once
// The small files that lie beside the weights in the folder of a model: what `sotto export` and `sotto import` take
// along.

#include <filesystem>
#include <string>
#include <vector>

namespace sotto::tools {

// Those of the folder that are there.
//   licence       LICENSE, LICENSE.txt, LICENSE.md, LICENCE, README.md, NOTICE: under what terms it may be used
//   certificate   certificate.json, NOT_PRIVATE.txt: what was spent for it (run_folder.h)
std::vector<std::filesystem::path> licence_files(const std::filesystem::path& folder);
std::vector<std::filesystem::path> certificate_files(const std::filesystem::path& folder);
std::vector<std::string> certificate_names();

// Copies them into the folder under their names, each whole or not at all. Throws DataError for one that cannot be
// read, IoError.
void copy_files(const std::vector<std::filesystem::path>& files, const std::filesystem::path& folder);

}  // namespace sotto::tools
