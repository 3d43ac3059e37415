#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/file_text.h>

#include <fstream>
#include <sstream>

namespace sotto::tools {

std::string file_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  if (!(file && bytes << file.rdbuf())) throw DataError(fmt::format("[file_text] {} cannot be read", path.string()));
  return std::move(bytes).str();
}

}  // namespace sotto::tools
