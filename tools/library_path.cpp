#include <sotto/tools/library_path.h>

#include <cstdlib>
#include <vector>

namespace sotto::tools {
namespace {

std::vector<std::filesystem::path> folders() {
  if (const char* chosen = std::getenv("SOTTO_LIBRARY_PATH"); chosen != nullptr && *chosen != '\0') return {chosen};
  std::error_code ignored;
  const auto beside = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
  return {beside, beside / ".." / "lib", beside / ".." / SOTTO_LIBRARY_FOLDER};
}

}  // namespace

std::optional<std::filesystem::path> find_library(const char* name) {
  for (const auto& folder : folders()) {
    std::error_code ignored;
    if (std::filesystem::is_regular_file(folder / name, ignored)) return folder / name;
  }
  return std::nullopt;
}

std::string library_folders() {
  std::string searched;
  for (const auto& folder : folders()) searched += (searched.empty() ? "" : ", ") + folder.lexically_normal().string();
  return searched;
}

}  // namespace sotto::tools
