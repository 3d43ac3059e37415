#pragma once
// What a tokenizer makes of one text.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sotto::data {

struct TokenIds {
  std::vector<std::int32_t> ids;
  bool truncated = false;  // the text had more tokens than were asked for; the ids are its first

  bool operator==(const TokenIds&) const = default;
};

// Longer texts are refused.
inline constexpr std::size_t kMaxTextBytes = 1 << 20;

}  // namespace sotto::data
