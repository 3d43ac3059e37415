#include <fmt/format.h>
#include <sotto/privacy/certificate_text.h>
#include <sotto/privacy/error.h>

#include <charconv>

namespace sotto::privacy::certificate_text {
namespace {

double parsed(const std::string& text) {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

std::string rounded_up(double value) {
  constexpr double kPlace = 1e-4;
  std::string text = fmt::format("{:.4f}", value);
  // The nearest decimal may lie below; then the next one lies above.
  if (parsed(text) < value) text = fmt::format("{:.4f}", parsed(text) + kPlace);
  SOTTO_ASSERT(parsed(text) >= value);
  return text;
}

double rounded_up_value(double value) {
  return parsed(rounded_up(value));
}

}  // namespace sotto::privacy::certificate_text
