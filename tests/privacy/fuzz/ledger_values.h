#pragma once
// Values as lines of ledgers write them: those at the limits, just beyond them, and texts that say the right value in
// another way.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sotto::privacy::testing {

inline constexpr std::int64_t kLargestCount = 9007199254740992;  // 2^53

// A value as it is written, and what it means; nothing when it may not stand there at all.
template <typename Value>
struct Written {
  const char* text;
  std::optional<Value> value;
};

inline constexpr std::array<Written<double>, 19> kDoubles = {{{"\"0x1p-1\"", 0.5},
                                                              {"\"0x1p+0\"", 1.0},
                                                              {"\"0x1.999999999999ap-4\"", 0.1},
                                                              {"\"0x0p+0\"", 0.0},
                                                              {"\"0x0.0000000000001p-1022\"", 0x1p-1074},
                                                              {"\"0x1.fffffffffffffp-1\"", 0x1.fffffffffffffp-1},
                                                              {"\"0x1.0000000000001p+0\"", 0x1.0000000000001p+0},
                                                              {"\"0x1.fffffffffffffp+1023\"", 0x1.fffffffffffffp+1023},
                                                              {"\"0x1p-1074\"", {}},
                                                              {"\"0x1.0p-1\"", {}},
                                                              {"\"0X1P-1\"", {}},
                                                              {"\"0x1p-1 \"", {}},
                                                              {"\"0x8p-4\"", {}},
                                                              {"\"-0x0p+0\"", {}},
                                                              {"\"-0x1p-1\"", {}},
                                                              {"\"0xinf\"", {}},
                                                              {"\"0xnan\"", {}},
                                                              {"\"0x1p+1024\"", {}},
                                                              {"0.5", {}}}};

inline constexpr std::array<Written<std::int64_t>, 12> kCounts = {{{"100", 100},
                                                                   {"1", 1},
                                                                   {"9007199254740992", kLargestCount},
                                                                   {"0", 0},
                                                                   {"-1", -1},
                                                                   {"9007199254740993", kLargestCount + 1},
                                                                   {"9223372036854775807", {}},
                                                                   {"18446744073709551615", {}},
                                                                   {"1.0", {}},
                                                                   {"1e2", {}},
                                                                   {"\"1\"", {}},
                                                                   {"true", {}}}};

inline constexpr std::array<Written<bool>, 10> kNames = {{{"\"flat\"", true},
                                                          {"\"\xc3\xa9\"", true},
                                                          {"\"\\u0001\\n\\\"\"", true},
                                                          {"\"\x7f\"", true},
                                                          {"\"\"", false},
                                                          {"\"\\u0066lat\"", {}},
                                                          {"\"\xff\"", {}},
                                                          {"\"a\\/b\"", {}},
                                                          {"null", {}},
                                                          {"[\"flat\"]", {}}}};

inline constexpr std::array<Written<std::string_view>, 7> kTimes = {
    {{"\"2026-01-31T23:59:59Z\"", "2026-01-31T23:59:59Z"},
     {"\"2026-02-01T00:00:00Z\"", "2026-02-01T00:00:00Z"},
     {"\"1999-12-31T23:59:59Z\"", "1999-12-31T23:59:59Z"},
     {"\"2026-01-31T23:59:59\"", {}},
     {"\"2026-01-31 23:59:59Z\"", {}},
     {"\"2026-01-31T23:59:5/Z\"", {}},
     {"\"\"", {}}}};

// What was written so far of a line.
struct Text {
  std::string text;
  bool allowed = true;

  template <typename Value>
  std::optional<Value> put(const Written<Value>& written) {
    text += written.text;
    allowed &= written.value.has_value();
    return written.value;
  }
};

}  // namespace sotto::privacy::testing
