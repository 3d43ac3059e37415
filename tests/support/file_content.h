#pragma once
// What is in a file.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace sotto::testing {

inline std::string content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace sotto::testing
