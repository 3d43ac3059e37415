#pragma once
// A data file read from front to end, unpacked on the way when it is gzip. Nothing is read ahead of what the caller
// asks for, so a small archive that unpacks to a huge one costs no more memory than the caller's buffer.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace sotto::data {

struct StandardInput {};

class InputFile {
 public:
  // Opens a regular file. Throws DataError when it is missing, a folder, not a regular file or may not be read.
  explicit InputFile(const std::filesystem::path& path);
  // What the process is given, from a pipe or a terminal too. Messages call it "standard input".
  explicit InputFile(StandardInput source);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  // Fills `buffer` as far as the content reaches and returns the number of bytes; less than asked only at the end.
  // Throws DataError when the gzip stream is damaged, cut short, fails its check sum or is followed by other bytes;
  // IoError when the device fails.
  std::size_t read(std::span<std::uint8_t> buffer);

  // No content can be longer than this: the file's size, times 1032 (deflate's largest ratio) when it is gzip. Of the
  // standard input it is not known: the largest number.
  std::uint64_t max_content_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The content of a small file, cut after `most` bytes. Throws as InputFile does.
std::string beginning_of(const std::filesystem::path& path, std::uint64_t most);

}  // namespace sotto::data
