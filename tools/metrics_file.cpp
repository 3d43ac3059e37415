#include <fcntl.h>
#include <fmt/format.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/metrics_file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace sotto::tools {
namespace {

// Bytes of the complete lines.
off_t complete(int file, off_t size) {
  char last = '\n';
  while (size > 0 && ::pread(file, &last, 1, size - 1) == 1 && last != '\n') --size;
  return size;
}

}  // namespace

void append_metrics(const std::filesystem::path& path, std::string_view line) {
  const int file = ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  bool written = file >= 0;
  if (written) {
    const off_t size = ::lseek(file, 0, SEEK_END), whole = complete(file, size);
    written = size >= 0 && (whole == size || ::ftruncate(file, whole) == 0) &&
              privacy::write_fully(file, std::string(line) + "\n") && ::fdatasync(file) == 0;
    written = ::close(file) == 0 && written;
  }
  if (!written)
    throw IoError(
        fmt::format("[train] cannot write to {}: {}; is the disk full?", path.string(), std::strerror(errno)));
}

}  // namespace sotto::tools
