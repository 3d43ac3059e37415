#include <fmt/format.h>
#include <sotto/privacy/budget.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/event.h>
#include <sotto/tools/account_values.h>
#include <sotto/tools/numbers.h>

#include <limits>
#include <string>

namespace sotto::tools {
namespace {

double checked(std::string_view flag, std::string_view text, bool (*allowed)(double), std::string_view range) {
  const double value = parse_real(flag, text);
  if (!allowed(value)) throw UsageError(fmt::format("[{}] bad value: {}; allowed is {}", flag, value, range));
  return value;
}

}  // namespace

double rate_value(std::string_view flag, std::string_view text) {
  const double value = parse_real(flag, text);
  if (!(value >= 0 && value <= 1))
    throw UsageError(fmt::format("[{}] bad value: {}; allowed is a probability from 0 to 1{}", flag, value,
                                 value > 1 ? " (is this a percentage, or a batch size?)" : ""));
  return value;
}

double noise_value(std::string_view flag, std::string_view text) {
  return checked(
      flag, text, [](double value) { return value >= 0; },
      "a finite number >= 0, the noise standard deviation divided by the clip norm");
}

int64_t count_value(std::string_view flag, std::string_view text, int64_t least) {
  const int64_t value = parse_integer(flag, text);
  if (value < least || value > privacy::kMaxCount)
    throw UsageError(fmt::format("[{}] bad value: {}; allowed is an integer from {} to 2^53", flag, value, least));
  return value;
}

double epochs_value(std::string_view flag, std::string_view text) {
  return checked(
      flag, text, [](double value) { return value > 0; }, "a finite number above 0");
}

double epsilon_value(std::string_view flag, std::string_view text) {
  return checked(
      flag, text, [](double value) { return value >= 0; }, "a finite number >= 0");
}

double epsilon_target_value(std::string_view flag, std::string_view text) {
  const double value = parse_real(flag, text);
  if (!(value >= privacy::kSmallestEpsilon))
    throw UsageError(fmt::format("[{}] bad value: {}; allowed as a target is a finite number above 0, from {}", flag,
                                 value, privacy::kSmallestEpsilon));
  return value;
}

double delta_value(std::string_view flag, std::string_view text) {
  return checked(
      flag, text, [](double value) { return value >= 0 && value < 1; }, "at least 0 and below 1");
}

double delta_target_value(std::string_view flag, std::string_view text) {
  return checked(
      flag, text, [](double value) { return value > 0 && value < 1; },
      "above 0 and below 1: with Gaussian noise no finite epsilon holds at delta 0");
}

double order_value(std::string_view flag, std::string_view text) {
  if (text == "inf") return std::numeric_limits<double>::infinity();
  return checked(
      flag, text, [](double value) { return value > 1; }, "a number above 1, or inf");
}

double width_value(std::string_view flag, std::string_view text) {
  return checked(
      flag, text, [](double value) { return value > 0 && value <= 1; }, "above 0 and at most 1");
}

}  // namespace sotto::tools
