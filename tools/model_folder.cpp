#include <sotto/models/python_readme.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/tools/file_text.h>
#include <sotto/tools/model_folder.h>

namespace sotto::tools {
namespace {

std::vector<std::filesystem::path> there(const std::vector<std::filesystem::path>& files) {
  std::vector<std::filesystem::path> result;
  std::error_code ignored;
  for (const std::filesystem::path& file : files)
    if (std::filesystem::is_regular_file(file, ignored)) result.push_back(file);
  return result;
}

}  // namespace

std::vector<std::filesystem::path> licence_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> result =
      there({folder / "LICENSE", folder / "LICENSE.txt", folder / "LICENSE.md", folder / "LICENCE",
             folder / "README.md", folder / "NOTICE", folder / kBaseReadme});
  std::erase_if(result, [](const std::filesystem::path& file) {
    return file.filename() == "README.md" && file_text(file).find(models::kReadmeMark) != std::string::npos;
  });
  return result;
}

void copy_files(const std::vector<std::filesystem::path>& files, const std::filesystem::path& folder) {
  for (const std::filesystem::path& file : files)
    privacy::write_file_atomically(folder / file.filename(), file_text(file));
}

}  // namespace sotto::tools
