#include <gtest/gtest.h>
#include <sotto/data/utf8.h>

#include <cstdint>
#include <string>

namespace sotto::data {
namespace {

std::string encoded(std::uint32_t code_point) {
  const auto tail = [code_point](int shift) { return static_cast<char>(0x80 | (code_point >> shift & 0x3f)); };
  if (code_point < 0x80) return {static_cast<char>(code_point)};
  if (code_point < 0x800) return {static_cast<char>(0xc0 | code_point >> 6), tail(0)};
  if (code_point < 0x10000) return {static_cast<char>(0xe0 | code_point >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xf0 | code_point >> 18), tail(12), tail(6), tail(0)};
}

TEST(Utf8Test, EveryScalarValueIsWellFormedAndNothingElseIs) {
  for (std::uint32_t code_point = 0; code_point < 0x200000; ++code_point) {
    const bool scalar = code_point <= 0x10ffff && (code_point < 0xd800 || code_point > 0xdfff);
    ASSERT_EQ(!first_invalid_utf8(encoded(code_point)), scalar) << code_point;
  }
}

TEST(Utf8Test, AsManyShortTextsAreWellFormedAsTheStandardCounts) {
  constexpr int kOne = 128, kTwo = 0x800 - 0x80, kThree = 0x10000 - 0x800 - 0x800;  // scalar values by their length
  int pairs = 0, triples = 0;
  for (int i = 0; i < 1 << 24; ++i) {
    const std::string text = {static_cast<char>(i >> 16), static_cast<char>(i >> 8), static_cast<char>(i)};
    triples += !first_invalid_utf8(text);
    if (i < 1 << 16) pairs += !first_invalid_utf8(std::string_view(text).substr(1));
  }
  EXPECT_EQ(pairs, kOne * kOne + kTwo);
  EXPECT_EQ(triples, kOne * kOne * kOne + 2 * kOne * kTwo + kThree);
}

TEST(Utf8Test, TheFirstWrongSequenceIsTold) {
  EXPECT_EQ(first_invalid_utf8(""), std::nullopt);
  EXPECT_EQ(first_invalid_utf8("caf\xc3\xa9"), std::nullopt);
  EXPECT_EQ(first_invalid_utf8("caf\xe9"), 3);
  EXPECT_EQ(first_invalid_utf8("\x80"), 0);
  EXPECT_EQ(first_invalid_utf8("a\xc0\x80"), 1);         // overlong zero
  EXPECT_EQ(first_invalid_utf8("ab\xe0\x9f\xbf"), 2);    // overlong, three bytes
  EXPECT_EQ(first_invalid_utf8("\xf0\x8f\xbf\xbf"), 0);  // overlong, four bytes
  EXPECT_EQ(first_invalid_utf8("\xed\xa0\x80"), 0);      // a surrogate
  EXPECT_EQ(first_invalid_utf8("\xf4\x90\x80\x80"), 0);  // above U+10FFFF
  EXPECT_EQ(first_invalid_utf8("\xf5\x80\x80\x80"), 0);
  EXPECT_EQ(first_invalid_utf8("x\xf0\x9f\x98"), 1);  // cut short
  EXPECT_EQ(first_invalid_utf8("x\xf0\x9f\x98 \x80"), 1);
  const std::string cut = "\xe2\x82\xac";
  EXPECT_EQ(first_invalid_utf8(std::string_view(cut).substr(0, 2)), 0);  // the byte behind the view is not read
}

}  // namespace
}  // namespace sotto::data
