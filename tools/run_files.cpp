#include <sotto/privacy/sha256.h>
#include <sotto/tools/file_text.h>
#include <sotto/tools/run_files.h>

namespace sotto::tools {

std::map<std::string, std::string> run_file_hashes(const RunFolder& folder) {
  std::map<std::string, std::string> result;
  std::error_code unclear;
  const auto add = [&](const std::filesystem::path& file) {
    if (is_there(file)) result[file.lexically_relative(folder.path()).generic_string()] = privacy::sha256_of_file(file);
  };
  for (const auto& file : {folder.config(), folder.metrics(), folder.model(), folder.graph(), folder.script(),
                           folder.schema(), folder.vocabulary(), folder.tuning(), folder.not_private()})
    add(file);
  for (const std::string& name : certificate_names())
    if (name.starts_with("base-")) add(folder.path() / name);
  if (std::filesystem::is_directory(folder.encoder(), unclear))
    for (const auto& entry : std::filesystem::directory_iterator(folder.encoder()))
      if (entry.is_regular_file()) add(entry.path());
  return result;
}

}  // namespace sotto::tools
