#include <fcntl.h>
#include <fmt/format.h>
#include <sotto/models/file_bytes.h>
#include <sotto/privacy/error.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sotto::models {
namespace {

constexpr std::size_t kMostAtOnce = std::size_t{1} << 30;  // a read() may not take more than 2 GiB

}  // namespace

FileBytes::FileBytes(const char* function, const std::filesystem::path& path) : function_(function), path_(path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (std::filesystem::is_directory(status)) refuse("is a folder; a file is needed");
  if (!std::filesystem::exists(status)) refuse("there is no such file");
  if (!std::filesystem::is_regular_file(status)) refuse("is not a regular file");
  file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0) refuse(fmt::format("cannot open the file: {}", std::strerror(errno)));
  const off_t end = ::lseek(file_, 0, SEEK_END);
  if (end < 0) {
    ::close(file_);
    refuse(fmt::format("cannot tell the size of the file: {}", std::strerror(errno)));
  }
  size_ = static_cast<std::uint64_t>(end);
}

FileBytes::~FileBytes() {
  ::close(file_);
}

void FileBytes::read(std::uint64_t offset, std::span<std::byte> to) const {
  while (!to.empty()) {
    const ssize_t got = ::pread(file_, to.data(), std::min(to.size(), kMostAtOnce), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      throw IoError(fmt::format("[{}] cannot read {} to its end: {}", function_, path_.string(),
                                got < 0 ? std::strerror(errno) : "it was cut meanwhile"));
    offset += static_cast<std::uint64_t>(got);
    to = to.subspan(static_cast<std::size_t>(got));
  }
}

std::shared_ptr<std::byte> FileBytes::map() const {
  void* const memory = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file_, 0);
  if (memory == MAP_FAILED)
    throw IoError(fmt::format("[{}] cannot map {}: {}", function_, path_.string(), std::strerror(errno)));
  return {static_cast<std::byte*>(memory), [bytes = size_](std::byte* mapped) { ::munmap(mapped, bytes); }};
}

void FileBytes::refuse(const std::string& what) const {
  throw DataError(fmt::format("[{}] {}: {}", function_, path_.string(), what));
}

std::string beginning_of(const char* function, const std::filesystem::path& path, std::size_t most) {
  const FileBytes file(function, path);
  std::string text(std::min<std::uint64_t>(file.size(), most), '\0');
  file.read(0, std::as_writable_bytes(std::span(text)));
  return text;
}

}  // namespace sotto::models
