#pragma once
// Where the program finds the libraries that it opens when they are needed.

#include <filesystem>
#include <optional>
#include <string>

namespace sotto::tools {

// The file of this name beside the program, in ../lib or in the folder that libraries were installed to; with
// SOTTO_LIBRARY_PATH set, in that folder alone. Nothing when there is none.
std::optional<std::filesystem::path> find_library(const char* name);

// The folders that find_library() looks into, for messages: "/usr/bin, /usr/lib".
std::string library_folders();

}  // namespace sotto::tools
