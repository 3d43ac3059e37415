#include <gtest/gtest.h>
#include <sotto/data/code_points.h>
#include <sotto/data/utf8.h>

namespace sotto::data {
namespace {

TEST(CodePointsTest, EachComesBackFromItsBytesWhichAreUtf8) {
  std::string all;
  for (char32_t c = 0; c < 0x110000; ++c)
    if (c < 0xD800 || c > 0xDFFF) append_code_point(all, c);
  ASSERT_EQ(all.size(), 0x80 + 2 * (0x800 - 0x80) + 3 * (0x10000 - 0x800 - 0x800) + 4 * 0x100000);
  ASSERT_EQ(first_invalid_utf8(all), std::nullopt);
  std::size_t at = 0;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    ASSERT_EQ(next_code_point(all, at), c);
  }
  EXPECT_EQ(at, all.size());
}

TEST(CodePointsTest, BytesAreThoseOfTheStandardsExamples) {  // RFC 3629, section 7
  std::string text;
  for (const char32_t c : {U'A', U'\u2262', U'\u0391', U'.', U'\U000233B4'}) append_code_point(text, c);
  EXPECT_EQ(text, "A\xE2\x89\xA2\xCE\x91.\xF0\xA3\x8E\xB4");
}

}  // namespace
}  // namespace sotto::data
