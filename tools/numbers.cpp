#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/numbers.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace sotto::tools {
namespace {

[[noreturn]] void refuse(std::string_view flag, std::string_view text, std::string_view what, const char* stop) {
  throw UsageError(fmt::format("[{}] {}: '{}' (wrong from character {})", flag, what, text, stop - text.data() + 1));
}

}  // namespace

double parse_real(std::string_view flag, std::string_view text) {
  constexpr std::string_view kWhat = "not a finite number such as 0.01, 1e-5 or 0x1p-10";
  const char* const end = text.data() + text.size();
  const bool negative = text.starts_with('-');
  std::string_view digits = text.substr(negative ? 1 : 0);
  auto format = std::chars_format::general;
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    digits.remove_prefix(2);
    format = std::chars_format::hex;
  }
  double value = 0;
  // from_chars would accept a second sign here.
  if (digits.empty() || digits.front() == '-') refuse(flag, text, kWhat, digits.data());
  const auto [stop, error] = std::from_chars(digits.data(), end, value, format);
  if (error == std::errc::result_out_of_range)
    refuse(flag, text, "number outside the range of double precision", digits.data());
  if (error != std::errc() || stop != end) refuse(flag, text, kWhat, stop);
  if (!std::isfinite(value)) refuse(flag, text, kWhat, text.data());
  return negative ? -value : value;
}

int64_t parse_integer(std::string_view flag, std::string_view text) {
  const char* const end = text.data() + text.size();
  int64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc::result_out_of_range) refuse(flag, text, "integer outside the range of 64 bits", text.data());
  if (error != std::errc() || stop != end) refuse(flag, text, "not an integer in plain digits", stop);
  return value;
}

void check_range(std::string_view flag, int64_t value, int64_t least, int64_t most) {
  if (value < least || value > most)
    throw UsageError(fmt::format("[{}] bad value: {}; allowed is {} to {}", flag, value, least, most));
}

int64_t parse_bytes(std::string_view flag, std::string_view text) {
  struct Unit {
    std::string_view name;
    int64_t bytes;
  };
  constexpr int64_t kKilo = 1000, kKibi = 1024;
  constexpr Unit kUnits[] = {
      {"kB", kKilo},  {"MB", kKilo * kKilo},  {"GB", kKilo * kKilo * kKilo},  {"TB", kKilo * kKilo * kKilo * kKilo},
      {"KiB", kKibi}, {"MiB", kKibi * kKibi}, {"GiB", kKibi * kKibi * kKibi}, {"TiB", kKibi * kKibi * kKibi * kKibi}};
  std::string_view digits = text;
  int64_t unit = 1;
  for (const Unit& u : kUnits) {
    if (!text.ends_with(u.name)) continue;
    digits.remove_suffix(u.name.size());
    unit = u.bytes;
    break;
  }
  int64_t count = 0;
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  const bool whole = error == std::errc() && stop == digits.data() + digits.size();
  if (!whole || count < 0 || count > std::numeric_limits<int64_t>::max() / unit) {
    throw UsageError(
        fmt::format("[{}] bad value: '{}'; must be bytes, 0 or more and within 64 bits: an integer, alone or with kB, "
                    "MB, GB, TB, KiB, MiB, GiB or TiB right behind it",
                    flag, text));
  }
  return count * unit;
}

std::string format_rounded_up(double value, int digits) {
  SOTTO_ASSERT(value >= 0 && digits >= 1);
  if (std::isinf(value)) return "inf";
  const auto printed = [&](double x) { return fmt::format("{:.{}g}", x, digits); };
  const auto parsed = [](const std::string& text) { return std::strtod(text.c_str(), nullptr); };
  std::string text = printed(value);
  if (parsed(text) >= value) return text;
  // Half a unit of the last digit above `value`, rounding cannot come out below it.
  const double unit = std::max(std::pow(10.0, std::floor(std::log10(value)) - digits + 1),
                               4 * std::numeric_limits<double>::denorm_min());
  for (double raised = value + 0.5 * unit; parsed(text) < value; raised += 0.25 * unit) text = printed(raised);
  return text;
}

std::string format_rounded_down(double value, int digits) {
  SOTTO_ASSERT(value >= 0 && digits >= 1);
  if (std::isinf(value)) return "inf";
  const auto printed = [&](double x) { return fmt::format("{:.{}g}", x, digits); };
  const auto parsed = [](const std::string& text) { return std::strtod(text.c_str(), nullptr); };
  std::string text = printed(value);
  if (parsed(text) <= value) return text;
  const double unit = std::max(std::pow(10.0, std::floor(std::log10(value)) - digits + 1),
                               4 * std::numeric_limits<double>::denorm_min());
  for (double lowered = value - 0.5 * unit; parsed(text) > value; lowered -= 0.25 * unit)
    text = printed(std::max(lowered, 0.0));
  return text;
}

std::string format_bound(double value, std::optional<double> target) {
  std::string text = format_rounded_up(value, kShownDigits);
  if (target && value <= *target && parse_real("epsilon", text) > *target) return fmt::format("{}", *target);
  return text;
}

}  // namespace sotto::tools
