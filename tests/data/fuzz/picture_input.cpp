#include "picture_input.h"

#include <sotto/data/picture.h>
#include <sotto/privacy/error.h>
#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "../../support/fuzz_bytes.h"
#include "../../support/memory_file.h"
#include "../picture_files.h"

namespace sotto::data::testing {
namespace {

using sotto::testing::check;
using sotto::testing::MemoryFile;

constexpr std::size_t kSignatureBytes = 8;
constexpr std::uint8_t kGreyColour = 0, kRedGreenBlue = 2;

void append_number(Bytes& to, std::size_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<std::uint8_t>(number >> shift));
}

std::uint32_t check_sum(std::span<const std::uint8_t> bytes) {
  return static_cast<std::uint32_t>(crc32(0, bytes.data(), static_cast<uInt>(bytes.size())));
}

Bytes with_right_check_sums(std::span<const std::uint8_t> file) {
  Bytes bytes(file.begin(), file.end());
  for (std::size_t at = kSignatureBytes; bytes.size() >= at + 12;) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) length = length << 8 | bytes[at + i];
    if (length > bytes.size() - at - 12) break;
    const std::uint32_t sum = check_sum(std::span(bytes).subspan(at + 4, length + 4));
    at += 8 + length;
    for (int shift = 24; shift >= 0; shift -= 8) bytes[at++] = static_cast<std::uint8_t>(sum >> shift);
  }
  return bytes;
}

void append_chunk(Bytes& file, std::string_view name, const Bytes& content) {
  append_number(file, content.size());
  const std::size_t begin = file.size();
  file.insert(file.end(), name.begin(), name.end());
  file.insert(file.end(), content.begin(), content.end());
  append_number(file, check_sum(std::span(file).subspan(begin)));
}

Bytes file_of_rows(std::span<const std::uint8_t> rows, const PictureShape& shape, std::uint8_t colour) {
  Bytes file = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  Bytes header;
  append_number(header, static_cast<std::size_t>(shape.width));
  append_number(header, static_cast<std::size_t>(shape.height));
  header.insert(header.end(), {8, colour, 0, 0, 0});
  append_chunk(file, "IHDR", header);
  uLongf size = compressBound(static_cast<uLong>(rows.size()));
  Bytes packed(size);
  check(compress2(packed.data(), &size, rows.data(), static_cast<uLong>(rows.size()), 0) == Z_OK);
  packed.resize(size);
  append_chunk(file, "IDAT", packed);
  append_chunk(file, "IEND", {});
  return file;
}

int paeth(int left, int above, int corner) {
  const int guess = left + above - corner;
  const int to_left = std::abs(guess - left), to_above = std::abs(guess - above), to_corner = std::abs(guess - corner);
  if (to_left <= to_above && to_left <= to_corner) return left;
  return to_above <= to_corner ? above : corner;
}

// [height][width][channels]; nothing where a filter is unknown.
std::optional<Bytes> without_filters(std::span<const std::uint8_t> rows, const PictureShape& shape,
                                     std::size_t channels) {
  const auto height = static_cast<std::size_t>(shape.height), width = static_cast<std::size_t>(shape.width) * channels;
  Bytes result(height * width);
  for (std::size_t y = 0; y < height; ++y) {
    const auto row = rows.subspan(y * (width + 1), width + 1);
    for (std::size_t x = 0; x < width; ++x) {
      const auto at = [&](bool has, std::size_t place) { return has ? int{result[place]} : 0; };
      const std::size_t place = y * width + x;
      const int left = at(x >= channels, place - channels), above = at(y > 0, place - width);
      const int corner = at(x >= channels && y > 0, place - width - channels);
      int guess = 0;
      if (row[0] > 4) return std::nullopt;
      if (row[0] == 1) guess = left;
      if (row[0] == 2) guess = above;
      if (row[0] == 3) guess = (left + above) / 2;
      if (row[0] == 4) guess = paeth(left, above, corner);
      result[place] = static_cast<std::uint8_t>(row[x + 1] + guess);
    }
  }
  return result;
}

// [channels][height][width]; nothing when it is refused.
std::optional<Bytes> accepted(std::span<const std::uint8_t> bytes, const PictureShape& shape) {
  static const MemoryFile file;
  const auto path = file.holding(bytes);
  const auto pixels = static_cast<std::size_t>(shape.height * shape.width * shape.channels);
  Bytes first(pixels, 0x00), second(pixels, 0xff);
  try {
    read_picture(path, shape, first);
  } catch (const DataError&) {
    return std::nullopt;
  }
  read_picture(path, shape, second);
  check(first == second);
  return first;
}

// [height][width][channels] of [channels][height][width].
Bytes interleaved(const Bytes& picture, const PictureShape& shape) {
  const auto channels = static_cast<std::size_t>(shape.channels);
  const std::size_t pixels = picture.size() / channels;
  Bytes result(picture.size());
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t i = 0; i < pixels; ++i) result[i * channels + c] = picture[c * pixels + i];
  return result;
}

void take_file(std::span<const std::uint8_t> bytes, const PictureShape& shape) {
  const auto read = accepted(bytes, shape);
  if (!read) return;
  const Bytes file = png_file(static_cast<int>(shape.height), static_cast<int>(shape.width),
                              shape.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB, interleaved(*read, shape));
  check(accepted(file, shape) == read);
}

void take_rows(std::span<const std::uint8_t> rows, const PictureShape& shape, std::uint8_t colour) {
  const std::size_t channels = colour == kGreyColour ? 1 : 3;
  const auto needed = static_cast<std::size_t>(shape.height) * (static_cast<std::size_t>(shape.width) * channels + 1);
  const auto read = accepted(file_of_rows(rows, shape, colour), shape);
  if (rows.size() < needed) return check(!read);
  const auto expected = without_filters(rows.first(needed), shape, channels);
  if (!expected || rows.size() > needed) return check(expected || !read);
  check(read.has_value());
  if (channels == 3 && shape.channels == 1) return;  // a mixture of the three
  const Bytes pixels = interleaved(*read, shape);
  if (static_cast<std::int64_t>(channels) == shape.channels) return check(pixels == *expected);
  for (std::size_t i = 0; i < pixels.size(); ++i) check(pixels[i] == (*expected)[i / 3]);
}

}  // namespace

void take_picture_input(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < 3) return;
  const PictureShape shape = {
      .height = 1 + bytes[1] % 32, .width = 1 + bytes[2] % 32, .channels = bytes[0] % 2 == 0 ? 1 : 3};
  const unsigned kind = bytes[0] / 2 % 3;
  const auto rest = bytes.subspan(3);
  if (kind == 0) return take_file(rest, shape);
  if (kind == 1) return take_file(with_right_check_sums(rest), shape);
  take_rows(rest, shape, bytes[0] / 8 % 2 == 0 ? kGreyColour : kRedGreenBlue);
}

}  // namespace sotto::data::testing
