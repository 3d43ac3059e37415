#include <fcntl.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/atomic_folder.h>
#include <sotto/privacy/error.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <system_error>

namespace sotto::privacy {
namespace {

[[noreturn]] void fail(const char* what, const std::filesystem::path& path) {
  throw IoError("[AtomicFolder] cannot " + std::string(what) + " " + path.string() + ": " + std::strerror(errno));
}

}  // namespace

AtomicFolder::AtomicFolder(const std::filesystem::path& target)
    : target_(target.has_filename() ? target : target.parent_path()) {
  std::error_code error, unclear;
  const std::filesystem::file_type there = std::filesystem::symlink_status(target_, unclear).type();
  if (there == std::filesystem::file_type::none)
    throw IoError("[AtomicFolder] '" + target.string() + "': " + unclear.message());
  if (!target_.has_filename() || target_.filename() == "." || target_.filename() == ".." ||
      there != std::filesystem::file_type::not_found)
    throw UsageError("[AtomicFolder] '" + target.string() + "' is there already; must be the name of a new folder");
  if (target_.has_parent_path()) std::filesystem::create_directories(target_.parent_path(), error);
  if (error)
    throw IoError("[AtomicFolder] cannot make the folder " + target_.parent_path().string() + ": " + error.message());
  path_ = target_.string() + ".part." + std::to_string(::getpid());
  if (::mkdir(path_.c_str(), 0777) != 0) fail("make the folder", path_);
}

AtomicFolder::~AtomicFolder() {
  std::error_code ignored;
  if (!published_) std::filesystem::remove_all(path_, ignored);
}

void AtomicFolder::publish() {
  SOTTO_ASSERT(!published_);
  // An empty folder that has taken the name meanwhile is another's too.
  int renamed = ::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, target_.c_str(), RENAME_NOREPLACE);
  if (renamed != 0 && (errno == EINVAL || errno == ENOSYS)) {
    std::error_code unclear;
    if (std::filesystem::symlink_status(target_, unclear).type() != std::filesystem::file_type::not_found)
      throw IoError("[AtomicFolder] cannot rename a folder to " + target_.string() + ": the name was taken meanwhile");
    renamed = std::rename(path_.c_str(), target_.c_str());
  }
  if (renamed != 0) fail("rename a folder to", target_);
  published_ = true;
  flush_folder_of(target_);
}

}  // namespace sotto::privacy
