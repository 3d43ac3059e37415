#include <fcntl.h>
#include <sotto/privacy/regular_file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sotto::privacy {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 18;

}  // namespace

std::optional<std::string> read_regular_file(const std::filesystem::path& path,
                                             const std::function<void(std::string_view piece)>& visit) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return std::strerror(errno);
  struct Closed {
    int file;
    ~Closed() { ::close(file); }
  } const closed{file};
  struct stat status = {};
  if (::fstat(file, &status) != 0) return std::strerror(errno);
  if (!S_ISREG(status.st_mode)) return "not a file";
  std::string piece(kPiece, '\0');
  for (;;) {
    const ssize_t got = ::read(file, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::strerror(errno);
    if (got == 0) return std::nullopt;
    visit({piece.data(), static_cast<std::size_t>(got)});
  }
}

}  // namespace sotto::privacy
