#pragma once
// The IDX format of the MNIST family, plain or gzip (told apart by the content, not by the name).
//
//   bytes 0-1   zero
//   byte  2     element type: 0x08 unsigned byte; where integers are allowed also 0x09 signed byte, 0x0B 16 bits and
//               0x0C 32 bits, signed and big-endian
//   byte  3     number of dimensions
//   then        one 32-bit big-endian size per dimension
//   then        the elements, row-major, last dimension fastest, and nothing after them
//
// Every deviation is refused with a DataError that says what is wrong. Messages may tell positions and sizes, which are
// facts of the private data: they are for the data owner's terminal and belong into no published artefact. They never
// tell the content of a record.

#include <cstdint>
#include <filesystem>
#include <vector>

namespace sotto::data {

// Larger contents are refused before memory is taken for them.
inline constexpr std::int64_t kMaxIdxBytes = std::int64_t{1} << 32;
inline constexpr int kMaxIdxDimensions = 4;

struct IdxFile {
  std::vector<std::int64_t> sizes;   // one to kMaxIdxDimensions, each positive
  std::vector<std::uint8_t> values;  // as many as the product of the sizes
};

// Time and memory are linear in the size that the header declares, and the size is checked first: against `max_bytes`
// and against what a file of this length can hold at all.
IdxFile read_idx(const std::filesystem::path& path, std::int64_t max_bytes = kMaxIdxBytes);

// The same for files of integers of up to 32 bits. `max_bytes` counts the bytes of the file.
struct IdxIntegers {
  std::vector<std::int64_t> sizes;
  std::vector<std::int32_t> values;
};
IdxIntegers read_idx_integers(const std::filesystem::path& path, std::int64_t max_bytes = kMaxIdxBytes);

// Pictures with one label each. Pixels stay bytes 0..255: scale them by public constants, since a mean taken from
// private records would have to be paid for.
struct LabelledImages {
  std::int64_t count = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  int classes = 0;
  std::vector<std::uint8_t> pixels;  // [count, channels, height, width]
  std::vector<std::uint8_t> labels;  // [count], each below classes
  std::int64_t channels = 1;         // 3: red, green, blue
};

// Reads a three-dimensional file of pictures and a one-dimensional one of labels. `classes` is 2 to 256 (UsageError);
// files swapped, of different length or with a label that is not below `classes` are refused (DataError).
LabelledImages read_labelled_images(const std::filesystem::path& images, const std::filesystem::path& labels,
                                    int classes);

}  // namespace sotto::data
