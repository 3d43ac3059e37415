#pragma once
// A small file as text.

#include <filesystem>
#include <string>

namespace sotto::tools {

// All its bytes. Throws DataError when it cannot be read, or is no regular file.
std::string file_text(const std::filesystem::path& path);

// Whether the name is taken: by a link that leads nowhere or something that cannot be read, too.
bool is_there(const std::filesystem::path& path);

}  // namespace sotto::tools
