#pragma once
// Decoding of one PNG or JPEG picture whose size is known beforehand.

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace sotto::data {

struct PictureShape {
  std::int64_t height = 0;    // 1 to 16384
  std::int64_t width = 0;     // 1 to 16384
  std::int64_t channels = 3;  // 1: grey, 3: red, green, blue
};

// Throws UsageError for a value outside of its range.
void check(const PictureShape& shape);

// Files above this many bytes are refused unread.
inline constexpr std::uint64_t kMaxPictureFileBytes = 1ULL << 28;

// The bytes of the file decoded to `to`, channel by channel, each row by row: [channels][height][width]. `to` must hold
// as many bytes. PNG (any colour type; transparency shows black; 16 bits become 8) and JPEG (grey or YCbCr) are told by
// their first bytes. Throws DataError naming the file when it is neither, has another size than `shape`, is damaged,
// cut short (a warning of the decoder is a refusal) or followed by further bytes. Memory: the file and two pictures.
void read_picture(const std::filesystem::path& path, const PictureShape& shape, std::span<std::uint8_t> to);

}  // namespace sotto::data
