#include <fmt/format.h>
#include <png.h>
#include <sotto/data/decoders.h>

#include <algorithm>
#include <memory>
#include <string_view>

namespace sotto::data {
namespace {

constexpr std::size_t kSignature = 8, kFrame = 12;  // of a chunk: length, name, check sum
constexpr std::string_view kLastChunk = "IEND";

// Whether the chunks, by their lengths, fill the file exactly and the last one alone is IEND.
bool chunks_fill(std::span<const std::uint8_t> bytes) {
  std::size_t at = kSignature;
  while (bytes.size() >= at + kFrame) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) length = length << 8 | bytes[at + i];
    const bool last =
        std::equal(kLastChunk.begin(), kLastChunk.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at + 4));
    if (length > bytes.size() - at - kFrame) return false;
    at += kFrame + length;
    if (last) return at == bytes.size();
  }
  return false;
}

std::string damaged(const png_image& image) {
  return fmt::format("the PNG picture is damaged: {}", image.message);
}

}  // namespace

std::string decode_png(std::span<const std::uint8_t> bytes, const PictureShape& shape, std::span<std::uint8_t> to) {
  if (!chunks_fill(bytes))
    return "the PNG file is cut short or followed by further bytes: it does not end with chunk IEND";
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, void (*)(png_image*)> freed(&image, png_image_free);
  if (png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()) == 0)
    return fmt::format("not a PNG picture that can be read: {}", image.message);
  if (image.warning_or_error != 0) return damaged(image);
  if (std::string wrong = wrong_size(image.height, image.width, shape); !wrong.empty()) return wrong;
  image.format = shape.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  const png_color black{};
  if (png_image_finish_read(&image, &black, to.data(), 0, nullptr) == 0 || image.warning_or_error != 0)
    return damaged(image);
  return "";
}

}  // namespace sotto::data
