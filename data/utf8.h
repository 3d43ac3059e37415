#pragma once
// The check that bytes are UTF-8: well-formed as in table 3-7 of the Unicode Standard, so no overlong forms, no
// surrogates, nothing above U+10FFFF.

#include <cstddef>
#include <optional>
#include <string_view>

namespace sotto::data {

// May stand in front of a text, and is no part of it.
inline constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// Where the first sequence begins that is not well-formed, as an offset from 0; nothing when all is. Linear.
std::optional<std::size_t> first_invalid_utf8(std::string_view bytes);

}  // namespace sotto::data
