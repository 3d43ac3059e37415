#pragma once
// Reading a file piece by piece, where a pipe, a device or a folder in its place must neither block nor fill memory.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sotto::privacy {

// Gives all bytes of a regular file to `visit`, in order. Returns why it could not: the system's reason, or that the
// path names no file.
std::optional<std::string> read_regular_file(const std::filesystem::path& path,
                                             const std::function<void(std::string_view piece)>& visit);

}  // namespace sotto::privacy
