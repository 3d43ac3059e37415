#include <fcntl.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/sha256.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

namespace sotto::privacy {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const char* what) {
  throw IoError("[write_file_atomically] " + std::string(what) + " " + path.string() + ": " + std::strerror(errno));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  // Close reports errors that a network file system holds back until then.
  int close() { return ::close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

}  // namespace

bool write_fully(int file, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(file, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    content.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

void flush_folder_of(const std::filesystem::path& path) {
  const std::filesystem::path parent = path.has_parent_path() ? path.parent_path() : ".";
  const Descriptor folder(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || ::fsync(folder.get()) != 0) fail(parent, "cannot flush folder");
}

void write_file_atomically(const std::filesystem::path& path, std::string_view content) {
  write_file_atomically(path, std::span<const std::string_view>(&content, 1));
}

void write_file_atomically(const std::filesystem::path& name, std::span<const std::string_view> pieces,
                           const BeforeRename& before_rename) {
  std::error_code error;
  const bool link = std::filesystem::symlink_status(name, error).type() == std::filesystem::file_type::symlink;
  const std::filesystem::path path = link ? std::filesystem::canonical(name, error) : name;
  const std::filesystem::file_type type = std::filesystem::status(path, error).type();
  if (type != std::filesystem::file_type::regular && (link || type != std::filesystem::file_type::not_found))
    throw IoError("[write_file_atomically] " + name.string() + " is not a file that can be replaced");
  const std::filesystem::path temporary = path.string() + ".part." + std::to_string(::getpid());
  try {
    Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (file.get() < 0) fail(temporary, "cannot create");
    for (const std::string_view piece : pieces)
      if (!write_fully(file.get(), piece)) fail(temporary, "cannot write");
    if (::fsync(file.get()) != 0) fail(temporary, "cannot flush");
    if (file.close() != 0) fail(temporary, "cannot close");
    if (before_rename) before_rename(sha256_hex(pieces));
    if (::rename(temporary.c_str(), path.c_str()) != 0) fail(path, "cannot rename onto");
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  flush_folder_of(path);
}

}  // namespace sotto::privacy
