#pragma once
// A regular file in memory that has a path and no name in any folder: nothing is left of it, however a fuzzer ends.

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace sotto::testing {

class MemoryFile {
 public:
  MemoryFile() : file_(::memfd_create("sotto-test", MFD_CLOEXEC)) {
    if (file_ < 0) throw std::runtime_error("memfd_create");
  }
  ~MemoryFile() { ::close(file_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  // Writes it anew; the path is always the same.
  std::filesystem::path holding(std::span<const std::uint8_t> bytes) const {
    const auto size = static_cast<ssize_t>(bytes.size());
    if (::ftruncate(file_, 0) != 0 || ::pwrite(file_, bytes.data(), bytes.size(), 0) != size)
      throw std::runtime_error("pwrite");
    return "/proc/self/fd/" + std::to_string(file_);
  }
  std::filesystem::path holding(std::string_view text) const {
    return holding({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }

 private:
  int file_;
};

}  // namespace sotto::testing
