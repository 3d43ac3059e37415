#pragma once
// PNG and JPEG files made by the libraries' writers, independently of the reader.

#include <jpeglib.h>  // needs cstdio before it
#include <png.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include "../support/scratch_folder.h"

namespace sotto::data::testing {

using sotto::testing::Bytes;
using sotto::testing::ScratchFolder;

// `pixels` is [height][width][channels of format].
inline Bytes png_file(int height, int width, png_uint_32 format, const Bytes& pixels) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = format;
  png_alloc_size_t size = 0;
  if (png_image_write_to_memory(&image, nullptr, &size, 0, pixels.data(), 0, nullptr) == 0)
    throw std::runtime_error(image.message);
  Bytes result(size);
  if (png_image_write_to_memory(&image, result.data(), &size, 0, pixels.data(), 0, nullptr) == 0)
    throw std::runtime_error(image.message);
  result.resize(size);
  return result;
}

inline Bytes jpeg_file(int height, int width, int channels, const Bytes& pixels) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &buffer, &size);
  jpeg.image_height = static_cast<JDIMENSION>(height);
  jpeg.image_width = static_cast<JDIMENSION>(width);
  jpeg.input_components = channels;
  jpeg.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, 100, TRUE);
  jpeg_start_compress(&jpeg, TRUE);
  for (int row = 0; row < height; ++row) {
    JSAMPROW line = const_cast<JSAMPROW>(pixels.data() + row * width * channels);
    jpeg_write_scanlines(&jpeg, &line, 1);
  }
  jpeg_finish_compress(&jpeg);
  Bytes result(buffer, buffer + size);
  jpeg_destroy_compress(&jpeg);
  std::free(buffer);
  return result;
}

inline Bytes ramp(int size) {
  Bytes result;
  for (int i = 0; i < size; ++i) result.push_back(static_cast<std::uint8_t>(i * 7));
  return result;
}

}  // namespace sotto::data::testing
