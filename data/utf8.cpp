#include <sotto/data/utf8.h>

namespace sotto::data {
namespace {

bool within(unsigned char byte, unsigned char low, unsigned char high) {
  return byte >= low && byte <= high;
}

// How long the well-formed sequence is that `bytes`, which are not empty, begin with; 0 for none.
std::size_t sequence_length(std::string_view bytes) {
  // A position past the end reads as 0, which continues no sequence.
  const auto at = [bytes](std::size_t i) { return static_cast<unsigned char>(i < bytes.size() ? bytes[i] : 0); };
  const auto continues = [&at](std::size_t i) { return within(at(i), 0x80, 0xbf); };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  if (within(first, 0xc2, 0xdf)) return continues(1) ? 2 : 0;
  if (within(first, 0xe0, 0xef)) {
    const unsigned char low = first == 0xe0 ? 0xa0 : 0x80, high = first == 0xed ? 0x9f : 0xbf;
    return within(at(1), low, high) && continues(2) ? 3 : 0;
  }
  if (within(first, 0xf0, 0xf4)) {
    const unsigned char low = first == 0xf0 ? 0x90 : 0x80, high = first == 0xf4 ? 0x8f : 0xbf;
    return within(at(1), low, high) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::optional<std::size_t> first_invalid_utf8(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t length = sequence_length(bytes.substr(at));
    if (length == 0) return at;
    at += length;
  }
  return std::nullopt;
}

}  // namespace sotto::data
