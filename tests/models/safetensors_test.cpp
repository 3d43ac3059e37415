#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/models/safetensors.h>
#include <sotto/privacy/error.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "../support/scratch_folder.h"

namespace sotto::models {
namespace {

using sotto::testing::Bytes;
using sotto::testing::ScratchFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A file made by hand: header length, header, data.
Bytes file_of(const std::string& header, std::size_t data_bytes) {
  Bytes bytes;
  for (int shift = 0; shift < 64; shift += 8)
    bytes.push_back(static_cast<std::uint8_t>(std::uint64_t{header.size()} >> shift));
  bytes.insert(bytes.end(), header.begin(), header.end());
  for (std::size_t i = 0; i < data_bytes; ++i) bytes.push_back(static_cast<std::uint8_t>(i));
  return bytes;
}

Bytes bytes_of(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

template <typename T>
TensorView view(const std::string& name, Dtype dtype, std::vector<std::int64_t> shape, const std::vector<T>& values) {
  return {name, dtype, std::move(shape), std::as_bytes(std::span(values))};
}

class SafetensorsTest : public ::testing::Test {
 protected:
  std::string refusal(const Bytes& bytes) {
    try {
      SafetensorsFile::read(folder_.write("file", bytes));
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr((folder_.path() / "file").string()));
      return error.what();
    }
    return "accepted";
  }
  std::string refusal(const std::string& header, std::size_t data_bytes) {
    return refusal(file_of(header, data_bytes));
  }
  std::string refusal_to_write(const std::vector<TensorView>& tensors, const Metadata& metadata = {}) {
    try {
      write_safetensors(folder_.path() / "file", tensors, metadata);
    } catch (const UsageError& error) {
      EXPECT_FALSE(std::filesystem::exists(folder_.path() / "file"));
      return error.what();
    }
    return "accepted";
  }
  ScratchFolder folder_;
};

TEST_F(SafetensorsTest, ReadsAFileMadeByHand) {
  const auto path = folder_.write(
      "hand",
      file_of(
          R"({"__metadata__":{"format":"pt"},"b":{"dtype":"I32","shape":[],"data_offsets":[0,4]},)"
          R"("a":{"dtype":"U8","shape":[2,3],"data_offsets":[4,10]},"e":{"dtype":"F64","shape":[0,9],"data_offsets":[10,10]}}   )",
          10));
  const SafetensorsFile file = SafetensorsFile::read(path);
  ASSERT_EQ(file.tensors().size(), 3U);
  EXPECT_EQ(file.metadata(), (Metadata{{"format", "pt"}}));
  const TensorView* a = file.find("a");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->dtype, Dtype::u8);
  EXPECT_THAT(a->shape, ElementsAre(2, 3));
  EXPECT_THAT(a->bytes,
              ElementsAre(std::byte{4}, std::byte{5}, std::byte{6}, std::byte{7}, std::byte{8}, std::byte{9}));
  ASSERT_NE(file.find("b"), nullptr);
  std::int32_t scalar = 0;
  std::memcpy(&scalar, file.find("b")->bytes.data(), 4);
  EXPECT_EQ(scalar, 0x03020100);
  EXPECT_TRUE(file.find("e")->bytes.empty());
  EXPECT_EQ(file.find("c"), nullptr);
}

TEST_F(SafetensorsTest, WritesTheBytesOfTheFormat) {
  write_safetensors(folder_.path() / "out", std::vector{view<std::uint8_t>("w", Dtype::u8, {2}, {7, 8})}, {{"k", "v"}});
  const std::string header = R"({"__metadata__":{"k":"v"},"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})";
  Bytes expected = file_of(header + std::string((8 - header.size() % 8) % 8, ' '), 2);
  expected[expected.size() - 2] = 7;
  expected[expected.size() - 1] = 8;
  EXPECT_EQ(bytes_of(folder_.path() / "out"), expected);
}

TEST_F(SafetensorsTest, EveryTypeComesBackAndIsAligned) {
  const std::vector<double> f64 = {1.5, -2.5};
  const std::vector<float> f32 = {3.25F};
  const std::vector<std::int64_t> i64 = {-1};
  const std::vector<std::int32_t> i32 = {7, 8, 9};
  const std::vector<std::uint16_t> half = {0x3c00};
  const std::vector<std::uint8_t> u8 = {1, 2, 3};
  const std::vector<TensorView> tensors = {
      view("u", Dtype::u8, {3}, u8),      view("h", Dtype::f16, {1, 1}, half),
      view("b", Dtype::bf16, {}, half),   view("i", Dtype::i32, {3, 1}, i32),
      view("f", Dtype::f32, {1}, f32),    view("l", Dtype::i64, {}, i64),
      view("d", Dtype::f64, {1, 2}, f64), view("z", Dtype::f32, {4, 0}, std::vector<float>())};
  write_safetensors(folder_.path() / "all", tensors);
  const SafetensorsFile file = SafetensorsFile::read(folder_.path() / "all");
  ASSERT_EQ(file.tensors().size(), tensors.size());
  for (const TensorView& expected : tensors) {
    const TensorView* found = file.find(expected.name);
    ASSERT_NE(found, nullptr) << expected.name;
    EXPECT_EQ(found->dtype, expected.dtype);
    EXPECT_EQ(found->shape, expected.shape);
    EXPECT_TRUE(std::equal(found->bytes.begin(), found->bytes.end(), expected.bytes.begin(), expected.bytes.end()));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(found->bytes.data()) % element_bytes(expected.dtype), 0U)
        << expected.name;
  }
}

TEST_F(SafetensorsTest, EqualContentGivesEqualFilesWhateverTheOrder) {
  const std::vector<float> values = {1, 2};
  const auto a = view("a", Dtype::f32, {2}, values);
  const auto b = view("b", Dtype::f32, {2}, values);
  write_safetensors(folder_.path() / "ab", std::vector{a, b}, {{"x", "1"}, {"y", "2"}});
  write_safetensors(folder_.path() / "ba", std::vector{b, a}, {{"y", "2"}, {"x", "1"}});
  EXPECT_EQ(bytes_of(folder_.path() / "ab"), bytes_of(folder_.path() / "ba"));
}

TEST_F(SafetensorsTest, AModelWithoutTensorsIsAFile) {
  write_safetensors(folder_.path() / "empty", {});
  EXPECT_TRUE(SafetensorsFile::read(folder_.path() / "empty").tensors().empty());
}

TEST_F(SafetensorsTest, WriterRefusesWhatCouldNotBeReadBack) {
  const std::vector<float> two = {1, 2};
  const auto good = view("a", Dtype::f32, {2}, two);
  EXPECT_THAT(refusal_to_write({good, good}), HasSubstr("'a': the name is used twice"));
  EXPECT_THAT(refusal_to_write({view("", Dtype::f32, {2}, two)}), HasSubstr("not allowed"));
  EXPECT_THAT(refusal_to_write({view("__metadata__", Dtype::f32, {2}, two)}), HasSubstr("not allowed"));
  EXPECT_THAT(refusal_to_write({view("a", Dtype::f32, {-2}, two)}), HasSubstr("size -2 is negative"));
  EXPECT_THAT(refusal_to_write({view("a", Dtype::f32, {3}, two)}), HasSubstr("8 bytes do not match"));
  EXPECT_THAT(refusal_to_write({view("a", Dtype::f64, {2}, two)}), HasSubstr("8 bytes do not match"));
  EXPECT_THAT(refusal_to_write({view("a", Dtype::f32, {std::int64_t{1} << 62, 4}, two)}), HasSubstr("do not match"));
  EXPECT_THAT(refusal_to_write({view("\xff", Dtype::f32, {2}, two)}), HasSubstr("not UTF-8"));
  EXPECT_THAT(refusal_to_write({good}, {{"key", "\xff"}}), HasSubstr("not UTF-8"));
}

TEST_F(SafetensorsTest, RefusesWrongHeaderLength) {
  EXPECT_THAT(refusal(Bytes{}), HasSubstr("0 bytes; a safetensors file starts with 8"));
  EXPECT_THAT(refusal(Bytes{1, 0, 0, 0, 0, 0, 0}), HasSubstr("7 bytes"));
  EXPECT_THAT(refusal(Bytes{3, 0, 0, 0, 0, 0, 0, 0, '{', '}'}),
              HasSubstr("cut short: a header of 3 bytes in a file of 10"));
  EXPECT_THAT(refusal(Bytes(8, 255)), HasSubstr("at most 100000000 are allowed"));
  EXPECT_THAT(refusal(Bytes{1, 0xe1, 0xf5, 5, 0, 0, 0, 0}), HasSubstr("a header of 100000001 bytes; at most"));
}

TEST_F(SafetensorsTest, RefusesWhatIsNotAJsonObject) {
  EXPECT_THAT(refusal("", 0), HasSubstr("does not start with '{'"));
  EXPECT_THAT(refusal("[]", 0), HasSubstr("does not start with '{'"));
  EXPECT_THAT(refusal(" {}", 0), HasSubstr("does not start with '{'"));
  EXPECT_THAT(refusal("{", 0), HasSubstr("not JSON"));
  EXPECT_THAT(refusal("{} x", 0), HasSubstr("not JSON"));
  EXPECT_THAT(refusal("{\"\xff\":1}", 0), HasSubstr("not JSON"));
  EXPECT_THAT(refusal(std::string("{}\0", 3), 0), HasSubstr("not JSON: it holds a zero byte"));
  EXPECT_THAT(refusal(std::string("{}\0{\"a\"", 7), 0), HasSubstr("not JSON: it holds a zero byte"));
  EXPECT_THAT(refusal("{\"a\":" + std::string(100000, '['), 0), HasSubstr("nests deeper than 3 levels"));
}

TEST_F(SafetensorsTest, RefusesRepeatedNames) {
  const std::string entry = R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  EXPECT_EQ(refusal("{" + entry + "}", 1), "accepted");
  EXPECT_THAT(refusal("{" + entry + "," + entry + "}", 1), HasSubstr("repeats the name 'a'"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1),
              HasSubstr("repeats the name 'dtype'"));
  EXPECT_THAT(refusal(R"({"__metadata__":{"k":"1","k":"2"}})", 0), HasSubstr("repeats the name 'k'"));
}

TEST_F(SafetensorsTest, RefusesWrongFields) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"("a":1)", "not described by an object"},
      {R"("":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})", "empty name"},
      {R"("a":{"shape":[1],"data_offsets":[0,1]})", "no field 'dtype'"},
      {R"("a":{"dtype":8,"shape":[1],"data_offsets":[0,1]})", "no field 'dtype' of the right type"},
      {R"("a":{"dtype":"U8","data_offsets":[0,1]})", "no field 'shape'"},
      {R"("a":{"dtype":"U8","shape":1,"data_offsets":[0,1]})", "no field 'shape'"},
      {R"("a":{"dtype":"U8","shape":[1]})", "no field 'data_offsets'"},
      {R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0]})", "1 offsets; begin and end"},
      {R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]})", "3 offsets; begin and end"},
      {R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"more":1})", "fields other than"},
      {R"("a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]})", "sizes must be whole numbers"},
      {R"("a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]})", "sizes must be whole numbers"},
      {R"("a":{"dtype":"U8","shape":[1],"data_offsets":[-1,1]})", "offsets must be whole numbers"},
      {R"("a":{"dtype":"U8","shape":[1],"data_offsets":["0",1]})", "offsets must be whole numbers"},
      {R"("a":{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,1]})", "is too large"},
      {R"("a":{"dtype":"F8","shape":[1],"data_offsets":[0,1]})", "element type 'F8'"},
      {R"("a":{"dtype":"u8","shape":[1],"data_offsets":[0,1]})", "element type 'u8'"},
      {R"("__metadata__":[])", "__metadata__ is not an object"},
      {R"("__metadata__":{"k":1})", "'k' is not text"},
  };
  for (const auto& [entry, reason] : cases) EXPECT_THAT(refusal("{" + entry + "}", 1), HasSubstr(reason)) << entry;
}

TEST_F(SafetensorsTest, RefusesBytesThatDoNotMatchShapeAndType) {
  const auto entry = [](const std::string& dtype, const std::string& shape, int end) {
    return R"({"a":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":[0,)" + std::to_string(end) +
           "]}}";
  };
  EXPECT_EQ(refusal(entry("F16", "[2,2]", 8), 8), "accepted");
  EXPECT_THAT(refusal(entry("F32", "[2,2]", 8), 8), HasSubstr("8 bytes do not match its shape and type"));
  EXPECT_THAT(refusal(entry("F16", "[2,3]", 8), 8), HasSubstr("do not match"));
  EXPECT_THAT(refusal(entry("F16", "[0]", 8), 8), HasSubstr("do not match"));
  // 2^62 x 4 x 1 byte is 0 in 64-bit arithmetic.
  EXPECT_THAT(refusal(entry("U8", "[4611686018427387904,4]", 0), 0), HasSubstr("do not match"));
  EXPECT_THAT(refusal(entry("U8", "[4611686018427387904,4,0]", 0), 0), HasSubstr("its sizes are too large"));
}

TEST_F(SafetensorsTest, RefusesOffsetsOutOfRange) {
  const auto entry = [](const std::string& offsets) {
    return R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)" + offsets + "}}";
  };
  EXPECT_THAT(refusal(entry("[0,2]"), 1), HasSubstr("offsets 0 to 2 are out of range; the file holds 1 bytes"));
  EXPECT_THAT(refusal(entry("[2,0]"), 2), HasSubstr("out of range"));
  EXPECT_THAT(refusal(entry("[18446744073709551615,18446744073709551615]"), 2), HasSubstr("out of range"));
  EXPECT_THAT(refusal(entry("[18446744073709551615,1]"), 2), HasSubstr("out of range"));
  EXPECT_THAT(refusal(entry("[0,18446744073709551616]"), 2), HasSubstr("offsets must be whole numbers"));
}

// Strides of a tensor without elements, and a header that would take minutes to read.
TEST_F(SafetensorsTest, RefusesSizesAndNumbersThatNothingCanBeDoneWith) {
  const std::string largest = "9223372036854775807";
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[0,)" + largest + "," + largest + R"(],"data_offsets":[0,0]}})", 0),
              HasSubstr("tensor 'a': its sizes are too large"));
  EXPECT_EQ(refusal(R"({"a":{"dtype":"U8","shape":[0,)" + largest + R"(],"data_offsets":[0,0]}})", 0), "accepted");
  std::string many = "{";
  for (int i = 0; i <= 20'001; ++i)
    many += (i > 0 ? ",\"" : "\"") + std::to_string(i) + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  EXPECT_THAT(refusal(many + "}", 0), HasSubstr("more than 20000 tensors"));
}

TEST_F(SafetensorsTest, RefusesOverlapsHolesAndTrailingBytes) {
  const auto pair = [](const std::string& first, const std::string& second) {
    return R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)" + first +
           R"(},"b":{"dtype":"U8","shape":[2],"data_offsets":)" + second + "}}";
  };
  EXPECT_EQ(refusal(pair("[0,2]", "[2,4]"), 4), "accepted");
  EXPECT_EQ(refusal(pair("[2,4]", "[0,2]"), 4), "accepted");
  EXPECT_THAT(refusal(pair("[0,2]", "[1,3]"), 3), HasSubstr("tensor 'b' overlaps"));
  EXPECT_THAT(refusal(pair("[0,2]", "[0,2]"), 2), HasSubstr("tensor 'b' overlaps"));
  EXPECT_THAT(refusal(pair("[0,2]", "[3,5]"), 5), HasSubstr("a hole of 1 bytes lies before tensor 'b'"));
  EXPECT_THAT(refusal(pair("[1,3]", "[3,5]"), 5), HasSubstr("a hole of 1 bytes lies before tensor 'a'"));
  EXPECT_THAT(refusal(pair("[0,2]", "[2,4]"), 5), HasSubstr("1 bytes follow the last tensor"));
  EXPECT_THAT(refusal("{}", 1), HasSubstr("1 bytes follow the last tensor"));
}

TEST_F(SafetensorsTest, RefusesFolderAndMissingFile) {
  for (const auto& [path, reason] :
       {std::pair(folder_.path(), "is a folder"), std::pair(folder_.path() / "absent", "no such file")}) {
    try {
      SafetensorsFile::read(path);
      FAIL() << "accepted " << path;
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr(reason));
    }
  }
}

TEST_F(SafetensorsTest, DamagedFilesNeverCrash) {
  const std::vector<float> values(20, 1.0F);
  write_safetensors(folder_.path() / "whole",
                    std::vector{view("first", Dtype::f32, {4, 5}, values), view("second", Dtype::f32, {20}, values)},
                    {{"format", "pt"}});
  const Bytes whole = bytes_of(folder_.path() / "whole");
  ASSERT_EQ(refusal(whole), "accepted");
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_NE(refusal(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length))), "accepted") << length;
  std::mt19937 random(7);
  const std::size_t header_end = whole.size() - 160;
  for (int i = 0; i < 2000; ++i) {
    Bytes bytes = whole;
    for (unsigned k = 0; k <= random() % 3; ++k)
      bytes[random() % header_end] ^= static_cast<std::uint8_t>(1U << random() % 8);
    refusal(bytes);
  }
}

}  // namespace
}  // namespace sotto::models
