#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/data/cifar.h>
#include <sotto/data/image_folder.h>
#include <sotto/data/picture.h>
#include <sotto/privacy/error.h>
#include <zlib.h>

#include "../support/message.h"
#include "picture_files.h"

namespace sotto::data {
namespace {

using ::testing::AllOf;
using testing::Bytes;
using ::testing::HasSubstr;
using testing::jpeg_file;
using testing::png_file;
using testing::ramp;

class PictureTest : public ::testing::Test {
 protected:
  Bytes read(const Bytes& file, const PictureShape& shape) {
    Bytes to(static_cast<std::size_t>(shape.height * shape.width * shape.channels));
    read_picture(folder_.write("picture", file), shape, to);
    return to;
  }
  std::string refusal(const Bytes& file, const PictureShape& shape) {
    return message([&] { read(file, shape); });
  }
  template <typename Call>
  std::string message(Call call) {
    return sotto::testing::message_of<DataError>(call);
  }
  void put(const std::string& name, const Bytes& bytes) {
    std::filesystem::create_directories((folder_.path() / name).parent_path());
    folder_.write(name, bytes);
  }
  testing::ScratchFolder folder_;
};

TEST_F(PictureTest, PngComesBackChannelByChannel) {
  const Bytes pixels = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};  // 2 x 2, interleaved
  EXPECT_EQ(read(png_file(2, 2, PNG_FORMAT_RGB, pixels), {.height = 2, .width = 2}),
            (Bytes{1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12}));
  EXPECT_EQ(read(png_file(2, 2, PNG_FORMAT_GRAY, {9, 8, 7, 6}), {.height = 2, .width = 2, .channels = 1}),
            (Bytes{9, 8, 7, 6}));
  EXPECT_EQ(read(png_file(1, 2, PNG_FORMAT_GRAY, {9, 8}), {.height = 1, .width = 2}), (Bytes{9, 8, 9, 8, 9, 8}));
}

TEST_F(PictureTest, TransparencyShowsBlack) {
  EXPECT_EQ(read(png_file(1, 2, PNG_FORMAT_RGBA, {200, 100, 50, 0, 200, 100, 50, 255}), {.height = 1, .width = 2}),
            (Bytes{0, 200, 0, 100, 0, 50}));
}

TEST_F(PictureTest, JpegComesBackWithinItsLoss) {
  Bytes grey(64 * 48);
  for (std::size_t i = 0; i < grey.size(); ++i) grey[i] = static_cast<std::uint8_t>(i / 64 * 2 + i % 64);
  const Bytes got = read(jpeg_file(48, 64, 1, grey), {.height = 48, .width = 64, .channels = 1});
  for (std::size_t i = 0; i < grey.size(); ++i) ASSERT_NEAR(got[i], grey[i], 3) << i;
  const Bytes flat = [] {
    Bytes result;
    for (int i = 0; i < 256; ++i) result.insert(result.end(), {200, 100, 50});
    return result;
  }();
  const Bytes colour = read(jpeg_file(16, 16, 3, flat), {.height = 16, .width = 16});
  EXPECT_NEAR(colour[0], 200, 3);
  EXPECT_NEAR(colour[256], 100, 3);
  EXPECT_NEAR(colour[512], 50, 3);
}

TEST_F(PictureTest, AnotherSizeIsRefused) {
  EXPECT_THAT(refusal(png_file(3, 4, PNG_FORMAT_GRAY, ramp(12)), {.height = 4, .width = 3, .channels = 1}),
              HasSubstr("a picture of 3 x 4 where 4 x 3 is declared"));
  EXPECT_THAT(refusal(jpeg_file(16, 8, 1, ramp(128)), {.height = 16, .width = 9, .channels = 1}),
              HasSubstr("a picture of 16 x 8 where 16 x 9 is declared"));
}

TEST_F(PictureTest, DamagedFilesAreRefused) {
  const PictureShape shape = {.height = 16, .width = 16, .channels = 1};
  for (const Bytes& whole : {png_file(16, 16, PNG_FORMAT_GRAY, ramp(256)), jpeg_file(16, 16, 1, ramp(256))}) {
    EXPECT_EQ(refusal(whole, shape), "accepted");
    for (std::size_t length = 0; length < whole.size(); ++length) {
      const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      EXPECT_NE(refusal(cut, shape), "accepted") << length;
    }
    Bytes longer = whole;
    longer.push_back(0);
    EXPECT_NE(refusal(longer, shape), "accepted");
    Bytes twice = whole;
    twice.insert(twice.end(), whole.begin(), whole.end());
    EXPECT_NE(refusal(twice, shape), "accepted");
  }
  // The end of the scan is missing, the end of the file is not.
  Bytes hollow = jpeg_file(16, 16, 1, ramp(256));
  hollow.erase(hollow.end() - 40, hollow.end() - 2);
  EXPECT_THAT(refusal(hollow, shape), HasSubstr("damaged"));
  EXPECT_THAT(refusal(Bytes{'G', 'I', 'F', '8'}, shape), HasSubstr("neither a PNG nor a JPEG"));
}

// libpng reads such a picture whole, and warns.
TEST_F(PictureTest, WarningsOfTheDecoderAreRefusals) {
  const PictureShape shape = {.height = 4, .width = 4, .channels = 1};
  const Bytes whole = png_file(4, 4, PNG_FORMAT_GRAY, ramp(16));
  const std::size_t after_header = 8 + 25;
  const Bytes comment = {0, 0, 0, 3, 't', 'E', 'X', 't', 'a', 0, 'b'};
  const auto with = [&](std::uint32_t check_sum) {
    Bytes chunk = comment;
    for (const int shift : {24, 16, 8, 0}) chunk.push_back(static_cast<std::uint8_t>(check_sum >> shift));
    Bytes file = whole;
    file.insert(file.begin() + after_header, chunk.begin(), chunk.end());
    return file;
  };
  const auto good = static_cast<std::uint32_t>(crc32(0, comment.data() + 4, 7));
  EXPECT_EQ(read(with(good), shape), ramp(16));
  EXPECT_THAT(refusal(with(good ^ 1), shape), HasSubstr("damaged"));
}

TEST_F(PictureTest, FoldersGiveLabelsInTheDeclaredOrder) {
  put("set/b/2.png", png_file(1, 2, PNG_FORMAT_GRAY, {1, 2}));
  put("set/b/1.PNG", png_file(1, 2, PNG_FORMAT_GRAY, {3, 4}));
  put("set/a/x.png", png_file(1, 2, PNG_FORMAT_GRAY, {5, 6}));
  const ImageFolderOptions options = {.shape = {.height = 1, .width = 2, .channels = 1}, .classes = {"b", "a", "c"}};
  const LabelledImages images = read_image_folder(folder_.path() / "set", options);
  EXPECT_EQ(images.count, 3);
  EXPECT_EQ(images.classes, 3);
  EXPECT_EQ(images.labels, (Bytes{0, 0, 1}));
  EXPECT_EQ(images.pixels, (Bytes{3, 4, 1, 2, 5, 6}));

  ImageFolderOptions small = options;
  small.max_bytes = 5;
  EXPECT_THAT(message([&] { read_image_folder(folder_.path() / "set", small); }),
              AllOf(HasSubstr("set: pictures of 2 bytes each"), HasSubstr("limit of 5 bytes")));
  ImageFolderOptions fewer = options;
  fewer.classes = {"b", "c"};
  EXPECT_THAT(message([&] { read_image_folder(folder_.path() / "set", fewer); }), HasSubstr("no declared class"));
  put("set/a/notes.txt", {'x'});
  EXPECT_THAT(message([&] { read_image_folder(folder_.path() / "set", options); }), HasSubstr("notes.txt"));
}

TEST_F(PictureTest, CifarRecordsAreReadWhole) {
  Bytes file(2 * 3073);
  for (std::size_t i = 0; i < file.size(); ++i) file[i] = static_cast<std::uint8_t>(i % 251);
  file[0] = 3;
  file[3073] = 9;
  const std::vector<std::filesystem::path> paths = {folder_.write("one.bin", file), folder_.write("two.bin", file)};
  const LabelledImages images = read_cifar10(paths);
  EXPECT_EQ(images.count, 4);
  EXPECT_EQ(images.channels, 3);
  EXPECT_EQ(images.labels, (Bytes{3, 9, 3, 9}));
  EXPECT_TRUE(std::equal(file.begin() + 1, file.begin() + 3073, images.pixels.begin()));
  EXPECT_TRUE(std::equal(file.begin() + 3074, file.end(), images.pixels.begin() + 3072));

  const auto refused = [&](const Bytes& bytes) {
    const std::vector<std::filesystem::path> bad = {folder_.write("bad.bin", bytes)};
    return message([&] { read_cifar10(bad); });
  };
  EXPECT_THAT(refused({}), HasSubstr("empty"));
  EXPECT_THAT(refused(Bytes(file.begin(), file.end() - 1)), HasSubstr("record 1 is cut short: 3072 bytes of 3073"));
  file[3073] = 10;
  EXPECT_THAT(refused(file), HasSubstr("the label of record 1 is out of range; 0 to 9 are allowed"));
  file[3073] = 219;
  EXPECT_THAT(refused(file), ::testing::Not(HasSubstr("219")));
  EXPECT_THROW(read_cifar10({}), UsageError);
  EXPECT_THROW(read_cifar10(paths, 3 * 3072), DataError);
}

}  // namespace
}  // namespace sotto::data
