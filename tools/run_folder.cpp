#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/run_folder.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace sotto::tools {

void RunFolder::require_free() const {
  std::error_code error;
  if (!std::filesystem::exists(path_, error)) return;
  if (!std::filesystem::is_directory(path_, error))
    throw UsageError(fmt::format("[--output] {} is not a folder; choose another", path_.string()));
  if (std::filesystem::exists(config(), error) || std::filesystem::exists(ledger(), error))
    throw UsageError(
        fmt::format("[--output] {} already holds a run; choose another folder, or continue it with "
                    "'sotto resume {}'",
                    path_.string(), path_.string()));
  if (!std::filesystem::is_empty(path_, error) || error)
    throw UsageError(fmt::format("[--output] {} is not empty; choose another folder", path_.string()));
}

void RunFolder::require_run() const {
  std::error_code error;
  if (!std::filesystem::is_regular_file(config(), error))
    throw UsageError(fmt::format("[RUN] {} is not the folder of a run: it has no config.toml", path_.string()));
}

bool RunFolder::claim() const {
  std::error_code error;
  const bool made = std::filesystem::create_directories(path_, error);
  if (error) throw IoError(fmt::format("[--output] cannot make the folder {}: {}", path_.string(), error.message()));
  std::FILE* file = std::fopen(config().c_str(), "wx");
  if (file == nullptr) {
    const int reason = errno;
    if (reason == EEXIST)
      throw UsageError(fmt::format("[--output] {} already holds a run; choose another folder", path_.string()));
    if (made) std::filesystem::remove(path_, error);
    throw IoError(fmt::format("[--output] cannot write to {}: {}", path_.string(), std::strerror(reason)));
  }
  std::fclose(file);
  // What came into the folder since require_free() is another's, and discard() may not take it.
  int64_t entries = 0;
  for (std::filesystem::directory_iterator entry(path_, error); !error && entry != std::filesystem::end(entry);
       entry.increment(error))
    ++entries;
  if (error || entries > 1) {
    const std::string reason = error ? error.message() : "";
    std::filesystem::remove(config(), error);
    if (made) std::filesystem::remove(path_, error);
    if (!reason.empty()) throw IoError(fmt::format("[--output] cannot read {}: {}", path_.string(), reason));
    throw UsageError(fmt::format("[--output] {} is not empty; choose another folder", path_.string()));
  }
  return made;
}

void RunFolder::discard(bool folder) const noexcept {
  std::error_code ignored;
  for (const auto& file : {config(), ledger(), metrics(), checkpoint(), model(), graph(), script(), schema(),
                           vocabulary(), signature(), tuning(), audit(), page()})
    std::filesystem::remove(file, ignored);
  for (const std::string& name : certificate_names()) std::filesystem::remove(path_ / name, ignored);
  std::filesystem::remove_all(encoder(), ignored);
  if (folder) std::filesystem::remove(path_, ignored);
}

void remove_unfinished(const RunFolder& folder) noexcept {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder.path(), error); !error && entry != std::filesystem::end(entry);
       entry.increment(error)) {
    std::error_code ignored;
    if (entry->path().filename().string().find(".part.") != std::string::npos)
      std::filesystem::remove(entry->path(), ignored);
  }
}

std::vector<std::string> certificate_names() {
  constexpr int kMostBases = 8;
  const RunFolder any("");
  std::vector<std::string> result;
  std::string prefix;
  for (int base = 0; base <= kMostBases; ++base, prefix += "base-")
    for (const auto& file : {any.certificate(), any.not_private()}) result.push_back(prefix + file.filename().string());
  return result;
}

std::filesystem::path free_run_folder(const std::string& name) {
  std::error_code ignored;
  for (int n = 1;; ++n) {
    std::filesystem::path path = std::filesystem::path("runs") / (n == 1 ? name : fmt::format("{}-{}", name, n));
    if (!std::filesystem::exists(path, ignored)) return path;
  }
}

}  // namespace sotto::tools
