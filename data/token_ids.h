#pragma once
// What a tokenizer makes of one text.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sotto::data {

struct TokenIds {
  std::vector<std::int32_t> ids;
  bool truncated = false;  // the text had more tokens than were asked for; the ids are its first

  bool operator==(const TokenIds&) const = default;
};

// Longer texts are refused.
inline constexpr std::size_t kMaxTextBytes = 1 << 20;

// Throws DataError for a text that is longer or not UTF-8; names `function` and a place, and nothing of the text.
void check_text(std::string_view function, std::string_view text);

}  // namespace sotto::data
