#pragma once
// Text as Unicode code points. What is read must be UTF-8 (utf8.h).

#include <cstddef>
#include <string>
#include <string_view>

namespace sotto::data {

// The code point that begins at `at`, which is moved behind it. The text is UTF-8 and `at` a place where one begins.
char32_t next_code_point(std::string_view text, std::size_t& at);

// Adds the UTF-8 of `c`, which is a code point and no surrogate.
void append_code_point(std::string& text, char32_t c);

}  // namespace sotto::data
