#include <fmt/format.h>
#include <sotto/data/decoders.h>
#include <sotto/data/input_file.h>
#include <sotto/data/picture.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <array>

namespace sotto::data {
namespace {

constexpr std::int64_t kLargestSide = 16384;
constexpr std::array<std::uint8_t, 8> kPng = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
constexpr std::array<std::uint8_t, 3> kJpeg = {0xff, 0xd8, 0xff};

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& what) {
  throw DataError(fmt::format("[read_picture] {}: {}", path.string(), what));
}

std::vector<std::uint8_t> content(const std::filesystem::path& path) {
  InputFile file(path);
  if (file.max_content_bytes() > kMaxPictureFileBytes)
    refuse(path, fmt::format("up to {} bytes; at most {} are read", file.max_content_bytes(), kMaxPictureFileBytes));
  std::vector<std::uint8_t> bytes(file.max_content_bytes());
  bytes.resize(file.read(bytes));
  return bytes;
}

template <std::size_t N>
bool begins(std::span<const std::uint8_t> bytes, const std::array<std::uint8_t, N>& magic) {
  return bytes.size() >= N && std::equal(magic.begin(), magic.end(), bytes.begin());
}

}  // namespace

void check(const PictureShape& shape) {
  const auto bad = [](std::int64_t size) { return size < 1 || size > kLargestSide; };
  if (bad(shape.height) || bad(shape.width) || (shape.channels != 1 && shape.channels != 3))
    throw UsageError(fmt::format("[PictureShape] {} x {} x {}; allowed are 1 or 3 channels and sides of 1 to {}",
                                 shape.channels, shape.height, shape.width, kLargestSide));
}

std::string wrong_size(std::int64_t height, std::int64_t width, const PictureShape& shape) {
  if (height == shape.height && width == shape.width) return "";
  return fmt::format("a picture of {} x {} where {} x {} is declared", height, width, shape.height, shape.width);
}

void read_picture(const std::filesystem::path& path, const PictureShape& shape, std::span<std::uint8_t> to) {
  check(shape);
  const auto pixels = static_cast<std::size_t>(shape.height * shape.width);
  const auto channels = static_cast<std::size_t>(shape.channels);
  if (to.size() != pixels * channels)
    throw UsageError(fmt::format("[read_picture] room for {} bytes; the shape has {}", to.size(), pixels * channels));
  const std::vector<std::uint8_t> bytes = content(path);
  const bool png = begins(bytes, kPng);
  if (!png && !begins(bytes, kJpeg)) refuse(path, "the first bytes are those of neither a PNG nor a JPEG picture");
  std::vector<std::uint8_t> interleaved(to.size());
  const std::string wrong = (png ? decode_png : decode_jpeg)(bytes, shape, interleaved);
  if (!wrong.empty()) refuse(path, wrong);
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t i = 0; i < pixels; ++i) to[c * pixels + i] = interleaved[i * channels + c];
}

}  // namespace sotto::data
