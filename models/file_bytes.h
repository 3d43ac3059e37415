#pragma once
// The bytes of a regular file that is open: parts of it, read into memory of the caller, or all of it, mapped.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace sotto::models {

class FileBytes {
 public:
  // `function` begins the message of an error. Throws DataError for a folder, a missing file, one that is not regular
  // or cannot be opened.
  FileBytes(const char* function, const std::filesystem::path& path);
  ~FileBytes();
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;

  std::uint64_t size() const { return size_; }  // when it was opened
  const std::filesystem::path& path() const { return path_; }

  // The bytes from `offset` on. Throws IoError when the file ends before, or the device fails.
  void read(std::uint64_t offset, std::span<std::byte> to) const;

  // All of the file, of at least one byte, privately: what is written into the memory stays in this process. It
  // outlives this object, and goes with the last owner. Where another process changes the file in place, such changes
  // may show in what was not written here; where it cuts the file, reading beyond the cut ends this process (SIGBUS). A
  // file that is replaced by rename(), as write_safetensors() does, stays as it was mapped. Throws IoError.
  std::shared_ptr<std::byte> map() const;

  [[noreturn]] void refuse(const std::string& what) const;  // DataError with the function and the file

 private:
  const char* function_;
  std::filesystem::path path_;
  int file_ = -1;
  std::uint64_t size_ = 0;
};

// The text of a small file, cut after `most` bytes. Throws as FileBytes.
std::string beginning_of(const char* function, const std::filesystem::path& path, std::size_t most);

}  // namespace sotto::models
