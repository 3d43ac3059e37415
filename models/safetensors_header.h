#pragma once
// The JSON header of a safetensors file: from text to checked entries and back. See safetensors.h for the format.

#include <sotto/models/safetensors.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sotto::models {

// What the header says about one tensor; its bytes are [begin, end) of the data.
struct HeaderEntry {
  std::string name;
  Dtype dtype = Dtype::f32;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

struct Header {
  std::vector<HeaderEntry> entries;  // by begin, then end, then name
  Metadata metadata;
};

// Bytes of a tensor of this shape, or a value larger than `limit` when there are more than that (no overflow).
// Sizes must not be negative.
std::uint64_t tensor_bytes(Dtype dtype, std::span<const std::int64_t> shape, std::uint64_t limit);

// Bytes before the header, which hold its length.
inline constexpr std::uint64_t kSafetensorsLengthBytes = 8;

// The length of the header of a file that begins with these bytes and has file_bytes. Throws DataError, without the
// name of the file, when the file ends before, or the header is larger than allowed.
std::uint64_t header_length(std::span<const std::byte, kSafetensorsLengthBytes> beginning, std::uint64_t file_bytes);

// Throws DataError, without the name of the file, unless the entries cover exactly data_bytes.
Header parse_header(std::string_view text, std::uint64_t data_bytes);

// Entries in the given order, padded to a multiple of 8 bytes. Throws UsageError when a text is not UTF-8.
std::string format_header(const Header& header);

}  // namespace sotto::models
