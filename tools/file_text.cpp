#include <fcntl.h>
#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/file_text.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sotto::tools {

std::string file_text(const std::filesystem::path& path) {
  const auto refuse = [&](const char* why) {
    return DataError(fmt::format("[file_text] {} cannot be read: {}", path.string(), why));
  };
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) throw refuse(std::strerror(errno));
  struct Closed {
    int file;
    ~Closed() { ::close(file); }
  } const closed{file};
  struct stat status = {};
  if (::fstat(file, &status) != 0) throw refuse(std::strerror(errno));
  if (!S_ISREG(status.st_mode)) throw refuse("not a file");
  std::string text, piece(size_t{1} << 16, '\0');
  for (;;) {
    const ssize_t got = ::read(file, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw refuse(std::strerror(errno));
    if (got == 0) return text;
    text.append(piece, 0, static_cast<size_t>(got));
  }
}

}  // namespace sotto::tools
