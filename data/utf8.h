#pragma once
// Text as Unicode code points, strict UTF-8 only (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sotto::data {

// The place of the first byte that belongs to no code point; nothing when all of the text is UTF-8. Linear.
std::optional<std::size_t> invalid_utf8(std::string_view text);

// The code point that begins at `at`, which is moved behind it. The text is UTF-8 and `at` a place where one begins.
char32_t next_code_point(std::string_view text, std::size_t& at);

// `c` is a code point and no surrogate.
void append_utf8(std::string& text, char32_t c);

}  // namespace sotto::data
