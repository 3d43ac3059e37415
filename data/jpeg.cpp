#include <fmt/format.h>
#include <jpeglib.h>  // needs cstdio before it
#include <sotto/data/decoders.h>

#include <array>
#include <csetjmp>
#include <cstdio>

namespace sotto::data {
namespace {

struct Decoder {
  jpeg_decompress_struct jpeg;
  jpeg_error_mgr errors;
  std::jmp_buf back;
  std::array<char, JMSG_LENGTH_MAX> message;
};

void give_up(j_common_ptr jpeg) {
  auto& decoder = *static_cast<Decoder*>(jpeg->client_data);
  jpeg->err->format_message(jpeg, decoder.message.data());
  std::longjmp(decoder.back, 1);
}

// Levels below zero are warnings: damaged data that the decoder would guess at.
void warn(j_common_ptr jpeg, int level) {
  if (level < 0) give_up(jpeg);
}

enum class Outcome { decoded, wrong_size, wrong_colours, trailing_bytes, damaged };

// No object with a destructor lives here: the decoder's errors jump back over it.
Outcome decode(Decoder& decoder, std::span<const std::uint8_t> bytes, const PictureShape& shape, std::uint8_t* to) {
  jpeg_decompress_struct& jpeg = decoder.jpeg;
  if (setjmp(decoder.back) != 0) return Outcome::damaged;
  jpeg_create_decompress(&jpeg);
  jpeg_mem_src(&jpeg, bytes.data(), bytes.size());
  jpeg_read_header(&jpeg, TRUE);
  if (jpeg.image_height != shape.height || jpeg.image_width != shape.width) return Outcome::wrong_size;
  if (jpeg.jpeg_color_space != JCS_GRAYSCALE && jpeg.jpeg_color_space != JCS_YCbCr && jpeg.jpeg_color_space != JCS_RGB)
    return Outcome::wrong_colours;
  jpeg.out_color_space = shape.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_start_decompress(&jpeg);
  while (jpeg.output_scanline < jpeg.output_height) {
    JSAMPROW row = to + std::size_t{jpeg.output_scanline} * jpeg.output_width * jpeg.output_components;
    jpeg_read_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_decompress(&jpeg);
  return jpeg.src->bytes_in_buffer == 0 ? Outcome::decoded : Outcome::trailing_bytes;
}

}  // namespace

std::string decode_jpeg(std::span<const std::uint8_t> bytes, const PictureShape& shape, std::span<std::uint8_t> to) {
  // A complete file ends in the marker EOI; the decoder would make one up.
  if (bytes.size() < 4 || bytes[bytes.size() - 2] != 0xff || bytes[bytes.size() - 1] != 0xd9)
    return "the JPEG file is cut short or followed by further bytes: it does not end in the marker EOI";
  Decoder decoder{};
  decoder.jpeg.err = jpeg_std_error(&decoder.errors);
  decoder.errors.error_exit = give_up;
  decoder.errors.emit_message = warn;
  decoder.jpeg.client_data = &decoder;
  const Outcome outcome = decode(decoder, bytes, shape, to.data());
  const std::int64_t height = decoder.jpeg.image_height, width = decoder.jpeg.image_width;
  jpeg_destroy_decompress(&decoder.jpeg);
  switch (outcome) {
    case Outcome::decoded:
      return "";
    case Outcome::wrong_size:
      return wrong_size(height, width, shape);
    case Outcome::wrong_colours:
      return "a JPEG picture in CMYK or an unknown colour space; grey, YCbCr and RGB are read";
    case Outcome::trailing_bytes:
      return "bytes follow the end of the JPEG picture";
    case Outcome::damaged:
      break;
  }
  return fmt::format("the JPEG picture is damaged: {}", decoder.message.data());
}

}  // namespace sotto::data
