#pragma once
// Numbers as text: strict on the way in, rounded to the stated side on the way out.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sotto::tools {

// A finite number that fills `text` completely, in the C locale: 0.01, 1e-5, 0x1p-10. Throws UsageError that names
// `flag`, the text and the position where it stops being a number.
double parse_real(std::string_view flag, std::string_view text);

// An integer in plain digits that fits 64 bits; no 1e4, no separators.
int64_t parse_integer(std::string_view flag, std::string_view text);

// Throws UsageError that names `flag` for a value below `least` or above `most`.
void check_range(std::string_view flag, int64_t value, int64_t least, int64_t most);

// A number of bytes: an integer, 0 or more, alone or with kB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB (of
// 1024) right behind it: 2000000, 512MiB.
int64_t parse_bytes(std::string_view flag, std::string_view text);

// The shortest decimal with at most `digits` significant digits that is not below `value`, so that a shortened
// guarantee is still one. value >= 0; "inf" for infinity.
std::string format_rounded_up(double value, int digits);
// The same, not above `value`: for the lower ends of brackets.
std::string format_rounded_down(double value, int digits);

inline constexpr int kShownDigits = 6;
// format_rounded_up(value, kShownDigits), but never more than `target` where the value is not: the target is a bound as
// well.
std::string format_bound(double value, std::optional<double> target);

}  // namespace sotto::tools
