#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/data/idx.h>
#include <sotto/privacy/error.h>
#include <sys/stat.h>
#include <unistd.h>

#include <limits>
#include <string>

#include "idx_bytes.h"

namespace sotto::data {
namespace {

using testing::Bytes;
using testing::gzipped;
using ::testing::HasSubstr;
using testing::idx_header;
using testing::joined;

template <typename ErrorType, typename Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const ErrorType& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("an error of another type: ") + error.what();
  }
  return "no error";
}

class IdxTest : public ::testing::Test {
 protected:
  std::string refusal(const Bytes& bytes) {
    const auto path = folder_.write("file", bytes);
    const std::string message = message_of<DataError>([&] { read_idx(path); });
    EXPECT_THAT(message, HasSubstr("] " + path.string() + ": "));
    return message;
  }
  std::string refusal_of_path(const std::filesystem::path& path) {
    return message_of<DataError>([&] { read_idx(path); });
  }
  testing::ScratchFolder folder_;
};

constexpr uid_t kNobody = 65534;
const Bytes kSmall = joined(idx_header({2, 1, 3}), {1, 2, 3, 250, 251, 255});

TEST_F(IdxTest, ReadsSizesAndValuesInOrder) {
  const IdxFile file = read_idx(folder_.write("plain", kSmall));
  EXPECT_EQ(file.sizes, (std::vector<std::int64_t>{2, 1, 3}));
  EXPECT_EQ(file.values, (Bytes{1, 2, 3, 250, 251, 255}));
}

TEST_F(IdxTest, SizesAreBigEndian) {
  const IdxFile file = read_idx(folder_.write("plain", joined({0, 0, 8, 1, 0, 0, 1, 2}, Bytes(258, 7))));
  EXPECT_EQ(file.sizes, std::vector<std::int64_t>{258});
}

TEST_F(IdxTest, GzipIsToldByContentWhateverTheName) {
  const IdxFile file = read_idx(folder_.write("no-ending", gzipped(kSmall)));
  EXPECT_EQ(file.values, (Bytes{1, 2, 3, 250, 251, 255}));
  EXPECT_EQ(read_idx(folder_.write("plain.gz", kSmall)).values, file.values);
}

TEST_F(IdxTest, LargeGzipContentEqualsPlainContent) {
  Bytes values(3000000);
  std::uint32_t state = 1;
  for (auto& value : values) value = static_cast<std::uint8_t>((state = state * 1664525 + 1013904223) >> 24);
  const Bytes content = joined(idx_header({3, 1000, 1000}), values);
  EXPECT_EQ(read_idx(folder_.write("a", gzipped(content))).values, values);
  EXPECT_EQ(read_idx(folder_.write("b", content)).values, values);
}

TEST_F(IdxTest, RefusesEmptyFile) {
  EXPECT_THAT(refusal({}), HasSubstr("the file is empty"));
}

TEST_F(IdxTest, RefusesWrongMagic) {
  EXPECT_THAT(refusal({'P', 'K', 8, 1, 0, 0, 0, 1, 0}), HasSubstr("not an IDX file: starts with bytes 0x50 0x4b"));
  EXPECT_THAT(refusal({0, 1, 8, 1, 0, 0, 0, 1, 0}), HasSubstr("not an IDX file"));
}

TEST_F(IdxTest, RefusesOtherElementTypes) {
  for (const int type : {0x00, 0x09, 0x0b, 0x0c, 0x0d, 0x0e, 0xff})
    EXPECT_THAT(refusal({0, 0, static_cast<std::uint8_t>(type), 1, 0, 0, 0, 1, 0}),
                HasSubstr("only 0x08, unsigned byte, is read"));
}

TEST_F(IdxTest, RefusesWrongNumberOfDimensions) {
  EXPECT_THAT(refusal({0, 0, 8, 0, 1}), HasSubstr("0 dimensions; 1 to 4 are allowed"));
  EXPECT_THAT(refusal(joined(idx_header({1, 1, 1, 1, 1}), {1})), HasSubstr("5 dimensions"));
  EXPECT_THAT(refusal({0, 0, 8, 255, 1}), HasSubstr("255 dimensions"));
}

TEST_F(IdxTest, RefusesZeroSize) {
  EXPECT_THAT(refusal(idx_header({0})), HasSubstr("dimension 0 has size 0"));
  EXPECT_THAT(refusal(idx_header({5, 0, 3})), HasSubstr("dimension 1 has size 0"));
}

TEST_F(IdxTest, RefusesProductBeyondTheLimit) {
  EXPECT_THAT(refusal(idx_header({0xffffffff, 0xffffffff})), HasSubstr("more than the limit of 4294967296 bytes"));
  // This product is 2^64, which is 0 in 64-bit arithmetic.
  EXPECT_THAT(refusal(idx_header({1U << 31, 1U << 31, 4})),
              HasSubstr("2147483648 x 2147483648 x 4, more than the limit"));
  const auto path = folder_.write("small", kSmall);
  EXPECT_NO_THROW(read_idx(path, 6));
  EXPECT_THAT(message_of<DataError>([&] { read_idx(path, 5); }), HasSubstr("more than the limit of 5 bytes"));
}

TEST_F(IdxTest, RefusesLimitThatIsNotPositive) {
  const auto path = folder_.write("small", kSmall);
  for (const std::int64_t limit : {std::int64_t{0}, std::int64_t{-1}})
    EXPECT_THAT(message_of<UsageError>([&] { read_idx(path, limit); }), HasSubstr("it must be positive"));
}

TEST_F(IdxTest, RefusesEveryTruncation) {
  for (std::size_t length = 1; length < kSmall.size(); ++length)
    EXPECT_THAT(refusal(Bytes(kSmall.begin(), kSmall.begin() + length)), HasSubstr("cut short")) << length;
}

TEST_F(IdxTest, RefusesTrailingBytes) {
  EXPECT_THAT(refusal(joined(kSmall, {0})), HasSubstr("bytes follow the 2 x 1 x 3 elements"));
  EXPECT_THAT(refusal(gzipped(joined(kSmall, {0}))), HasSubstr("bytes follow the 2 x 1 x 3 elements"));
}

TEST_F(IdxTest, RefusesGzipTruncatedAnywhere) {
  const Bytes whole = gzipped(kSmall);
  for (std::size_t length = 2; length < whole.size(); ++length) {
    const auto path = folder_.write("file", Bytes(whole.begin(), whole.begin() + length));
    EXPECT_THAT(refusal_of_path(path), HasSubstr("cut short")) << length;
  }
}

TEST_F(IdxTest, RefusesGzipWithWrongCheckSum) {
  Bytes crc = gzipped(kSmall);
  crc[crc.size() - 8] ^= 1;
  EXPECT_THAT(refusal_of_path(folder_.write("crc", crc)), HasSubstr("damaged (incorrect data check)"));
  Bytes length = gzipped(kSmall);
  length[length.size() - 1] ^= 1;
  EXPECT_THAT(refusal_of_path(folder_.write("length", length)), HasSubstr("damaged (incorrect length check)"));
}

TEST_F(IdxTest, RefusesBytesAfterGzip) {
  EXPECT_THAT(refusal_of_path(folder_.write("one", joined(gzipped(kSmall), {0}))), HasSubstr("exactly one stream"));
  EXPECT_THAT(refusal_of_path(folder_.write("two", joined(gzipped(kSmall), gzipped(kSmall)))),
              HasSubstr("exactly one stream"));
}

TEST_F(IdxTest, RefusesFolderPipeAndMissingFile) {
  EXPECT_THAT(refusal_of_path(folder_.path()), HasSubstr("is a folder"));
  EXPECT_THAT(refusal_of_path(folder_.path() / "absent"), HasSubstr("No such file"));
  const auto pipe = folder_.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(refusal_of_path(pipe), HasSubstr("is a pipe or a device"));
}

TEST_F(IdxTest, RefusesFileThatMayNotBeRead) {
  const auto path = folder_.write("locked", kSmall);
  std::filesystem::permissions(path, std::filesystem::perms::none);
  // The administrator may read every file, so this test stops being one for a moment.
  const bool administrator = ::geteuid() == 0;
  if (administrator) {
    ASSERT_EQ(::seteuid(kNobody), 0);
  }
  const std::string message = refusal_of_path(path);
  if (administrator) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  EXPECT_THAT(message, HasSubstr("Permission denied"));
}

class IdxIntegersTest : public IdxTest {
 protected:
  // A one-dimensional file of `count` elements of `type`.
  std::filesystem::path file(std::uint8_t type, std::uint32_t count, const Bytes& elements) {
    Bytes bytes = joined(idx_header({count}), elements);
    bytes[2] = type;
    return folder_.write("integers", bytes);
  }
  std::string refusal(const std::filesystem::path& path, std::int64_t max_bytes = kMaxIdxBytes) {
    return message_of<DataError>([&] { read_idx_integers(path, max_bytes); });
  }
};

TEST_F(IdxIntegersTest, ReadsEveryWidthWithItsSign) {
  using Values = std::vector<std::int32_t>;
  EXPECT_EQ(read_idx_integers(file(0x08, 3, {0, 127, 255})).values, (Values{0, 127, 255}));
  EXPECT_EQ(read_idx_integers(file(0x09, 4, {0, 127, 128, 255})).values, (Values{0, 127, -128, -1}));
  EXPECT_EQ(read_idx_integers(file(0x0b, 4, {1, 2, 0x7f, 0xff, 0x80, 0, 0xff, 0xfe})).values,
            (Values{258, 32767, -32768, -2}));
  EXPECT_EQ(read_idx_integers(file(0x0c, 3, {1, 2, 3, 4, 0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff})).values,
            (Values{16909060, std::numeric_limits<std::int32_t>::min(), -1}));
}

TEST_F(IdxIntegersTest, KeepsSizesAndUnpacksGzip) {
  Bytes bytes = joined(idx_header({2, 1}), {0, 7, 1, 0});
  bytes[2] = 0x0b;
  const IdxIntegers file = read_idx_integers(folder_.write("integers", gzipped(bytes)));
  EXPECT_EQ(file.sizes, (std::vector<std::int64_t>{2, 1}));
  EXPECT_EQ(file.values, (std::vector<std::int32_t>{7, 256}));
}

TEST_F(IdxIntegersTest, RefusesOtherElementTypes) {
  for (const unsigned type : {0x00U, 0x0aU, 0x0dU, 0x0eU, 0xffU})
    EXPECT_THAT(refusal(file(static_cast<std::uint8_t>(type), 1, Bytes(8))),
                HasSubstr("integers of 8, 16 or 32 bits are read"))
        << type;
}

TEST_F(IdxIntegersTest, RefusesTruncationAndTrailingBytes) {
  for (const auto& [type, each] : {std::pair{std::uint8_t{0x0b}, 2U}, std::pair{std::uint8_t{0x0c}, 4U}}) {
    EXPECT_THAT(refusal(file(type, 2, Bytes(2 * each - 1))), HasSubstr("cut short"));
    EXPECT_THAT(refusal(file(type, 2, Bytes(2 * each + 1))), HasSubstr("bytes follow"));
  }
}

TEST_F(IdxIntegersTest, LimitCountsBytesAndNotElements) {
  const auto path = file(0x0c, 2, Bytes(8));
  EXPECT_NO_THROW(read_idx_integers(path, 8));
  EXPECT_THAT(refusal(path, 7), HasSubstr("more than the limit"));
}

class LabelledImagesTest : public IdxTest {
 protected:
  std::filesystem::path images_ = folder_.write("images", joined(idx_header({3, 1, 2}), {1, 2, 3, 4, 5, 6}));
  std::filesystem::path labels(const Bytes& values) {
    return folder_.write("labels", joined(idx_header({static_cast<std::uint32_t>(values.size())}), values));
  }
  std::string refusal_of(const std::filesystem::path& images, const std::filesystem::path& labels, int classes = 10) {
    return message_of<DataError>([&] { read_labelled_images(images, labels, classes); });
  }
};

TEST_F(LabelledImagesTest, KeepsShapePixelsAndLabels) {
  const LabelledImages result = read_labelled_images(images_, labels({9, 0, 3}), 10);
  EXPECT_EQ(result.count, 3);
  EXPECT_EQ(result.height, 1);
  EXPECT_EQ(result.width, 2);
  EXPECT_EQ(result.classes, 10);
  EXPECT_EQ(result.pixels, (Bytes{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(result.labels, (Bytes{9, 0, 3}));
}

TEST_F(LabelledImagesTest, RefusesSwappedFiles) {
  const auto labels_path = labels({9, 0, 3});
  EXPECT_THAT(refusal_of(labels_path, images_), HasSubstr("is this the file of labels?"));
  EXPECT_THAT(refusal_of(images_, images_), HasSubstr("is this the file of pictures?"));
  EXPECT_THAT(refusal_of(folder_.write("flat", joined(idx_header({3, 2}), Bytes(6))), labels_path),
              HasSubstr("2 dimension(s); pictures need 3"));
}

TEST_F(LabelledImagesTest, RefusesDifferentCounts) {
  EXPECT_THAT(refusal_of(images_, labels({9, 0})), HasSubstr("each picture needs one label"));
  EXPECT_THAT(refusal_of(images_, labels({9, 0, 1, 1})), HasSubstr("each picture needs one label"));
}

TEST_F(LabelledImagesTest, NamesThePositionOfAWrongLabelAndNotItsValue) {
  const std::string message = refusal_of(images_, labels({0, 222, 7}), 7);
  EXPECT_THAT(message, HasSubstr("the label of record 1 is out of range; 0 to 6 are allowed"));
  EXPECT_THAT(message, ::testing::Not(HasSubstr("222")));
  EXPECT_NO_THROW(read_labelled_images(images_, labels({0, 7, 222}), 223));
}

TEST_F(LabelledImagesTest, RefusesImpossibleNumberOfClasses) {
  const auto labels_path = labels({0, 0, 0});
  for (const int classes : {-1, 0, 1, 257})
    EXPECT_THAT(message_of<UsageError>([&] { read_labelled_images(images_, labels_path, classes); }),
                HasSubstr("2 to 256 are allowed"));
  EXPECT_NO_THROW(read_labelled_images(images_, labels({0, 1, 255}), 256));
}

}  // namespace
}  // namespace sotto::data
