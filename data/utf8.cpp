#include <sotto/data/utf8.h>

#include <cstdint>

namespace sotto::data {
namespace {

unsigned byte(std::string_view text, std::size_t at) {
  return static_cast<std::uint8_t>(text[at]);
}

// 0 for a byte that begins no code point.
std::size_t length_of(unsigned first) {
  if (first < 0x80) return 1;
  if (first < 0xC2) return 0;
  if (first < 0xE0) return 2;
  if (first < 0xF0) return 3;
  return first < 0xF5 ? 4 : 0;
}

// The second byte rules out overlong forms, surrogates and what is above U+10FFFF.
bool second_fits(unsigned first, unsigned second) {
  const unsigned low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const unsigned high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  return second >= low && second <= high;
}

}  // namespace

std::optional<std::size_t> invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const unsigned first = byte(text, at);
    const std::size_t length = length_of(first);
    if (length == 0 || length > text.size() - at) return at;
    if (length > 1 && !second_fits(first, byte(text, at + 1))) return at;
    for (std::size_t i = 2; i < length; ++i)
      if ((byte(text, at + i) & 0xC0) != 0x80) return at;
    at += length;
  }
  return std::nullopt;
}

char32_t next_code_point(std::string_view text, std::size_t& at) {
  const unsigned first = byte(text, at++);
  if (first < 0x80) return first;
  const std::size_t more = length_of(first) - 1;
  char32_t c = first & (0x3FU >> more);
  for (std::size_t i = 0; i < more; ++i) c = c << 6 | (byte(text, at++) & 0x3F);
  return c;
}

void append_utf8(std::string& text, char32_t c) {
  const auto put = [&](char32_t value) { text += static_cast<char>(value); };
  if (c < 0x80) {
    put(c);
    return;
  }
  if (c < 0x800) {
    put(0xC0 | c >> 6);
  } else {
    if (c < 0x10000) {
      put(0xE0 | c >> 12);
    } else {
      put(0xF0 | c >> 18);
      put(0x80 | (c >> 12 & 0x3F));
    }
    put(0x80 | (c >> 6 & 0x3F));
  }
  put(0x80 | (c & 0x3F));
}

}  // namespace sotto::data
