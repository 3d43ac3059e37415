#include <sotto/data/code_points.h>

#include <cstdint>

namespace sotto::data {

char32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto take = [&] { return static_cast<std::uint8_t>(text[at++]); };
  const unsigned first = take();
  if (first < 0x80) return first;
  const int more = first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
  char32_t c = first & (0x3FU >> more);
  for (int i = 0; i < more; ++i) c = c << 6 | (take() & 0x3FU);
  return c;
}

void append_code_point(std::string& text, char32_t c) {
  const auto put = [&](char32_t value) { text += static_cast<char>(value); };
  const auto put_further = [&](int shift) { put(0x80 | (c >> shift & 0x3F)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6);
    put_further(0);
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12);
    put_further(6);
    put_further(0);
  } else {
    put(0xF0 | c >> 18);
    put_further(12);
    put_further(6);
    put_further(0);
  }
}

}  // namespace sotto::data
