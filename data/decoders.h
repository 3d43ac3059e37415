#pragma once
// The two decoders behind picture.h. Each writes [height][width][channels] to `to`, of exactly that size, and returns
// an empty text, or what is wrong with the picture; nothing is allocated for a picture of another size.

#include <sotto/data/picture.h>

#include <string>

namespace sotto::data {

std::string decode_png(std::span<const std::uint8_t> bytes, const PictureShape& shape, std::span<std::uint8_t> to);
std::string decode_jpeg(std::span<const std::uint8_t> bytes, const PictureShape& shape, std::span<std::uint8_t> to);

// "a picture of 3 x 4 where 28 x 28 is declared", or empty when they agree.
std::string wrong_size(std::int64_t height, std::int64_t width, const PictureShape& shape);

}  // namespace sotto::data
