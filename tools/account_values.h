#pragma once
// Single values of `sotto account` as typed, read and checked. Every error is one sentence that names the flag, the
// value and the allowed range.

#include <cstdint>
#include <string_view>

namespace sotto::tools {

// A probability, 0 <= value <= 1.
double rate_value(std::string_view flag, std::string_view text);
// Finite, >= 0. Zero is accepted: its epsilon is infinite.
double noise_value(std::string_view flag, std::string_view text);
// An integer from `least` to 2^53.
int64_t count_value(std::string_view flag, std::string_view text, int64_t least);
// Finite, > 0: epochs may be fractional.
double epochs_value(std::string_view flag, std::string_view text);
// Finite, >= 0.
double epsilon_value(std::string_view flag, std::string_view text);
// The same where it is a target: above 0, from privacy::kSmallestEpsilon.
double epsilon_target_value(std::string_view flag, std::string_view text);
// 0 <= value < 1.
double delta_value(std::string_view flag, std::string_view text);
// The same where it is a target: 0 < value < 1, because Gaussian noise gives no guarantee at delta = 0.
double delta_target_value(std::string_view flag, std::string_view text);
// Above 1; "inf" is allowed.
double order_value(std::string_view flag, std::string_view text);
// Above 0, at most 1.
double width_value(std::string_view flag, std::string_view text);

}  // namespace sotto::tools
