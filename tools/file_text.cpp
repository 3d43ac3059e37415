#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/regular_file.h>
#include <sotto/tools/file_text.h>

namespace sotto::tools {

std::string file_text(const std::filesystem::path& path) {
  std::string text;
  if (const auto reason = privacy::read_regular_file(path, [&](std::string_view piece) { text += piece; }))
    throw DataError(fmt::format("[file_text] {} cannot be read: {}", path.string(), *reason));
  return text;
}

bool is_there(const std::filesystem::path& path) {
  std::error_code unclear;
  return std::filesystem::symlink_status(path, unclear).type() != std::filesystem::file_type::not_found;
}

}  // namespace sotto::tools
