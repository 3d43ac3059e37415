#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/numbers.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace sotto::tools {
namespace {

TEST(ParseReal, ReadsWholeNumbersInTheCLocale) {
  EXPECT_EQ(parse_real("--x", "0.01"), 0.01);
  EXPECT_EQ(parse_real("--x", "1e-5"), 1e-5);
  EXPECT_EQ(parse_real("--x", "-2"), -2);
  EXPECT_EQ(parse_real("--x", "0x1p-10"), 1.0 / 1024);
  EXPECT_EQ(parse_real("--x", "-0X1.8p1"), -3);
}

TEST(ParseReal, RefusesAnythingElseAndQuotesIt) {
  for (const char* text : {"", " 1", "1 ", "1e-5x", "1,5", "1e", "--1", "-", "0x", "0x-1", "+1", "nan", "inf", "-inf",
                           "1e999", "1e-999", "0.1.2", "1_000"}) {
    try {
      parse_real("--delta", text);
      ADD_FAILURE() << "accepted '" << text << "'";
    } catch (const UsageError& error) {
      EXPECT_NE(std::string(error.what()).find("[--delta]"), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("'" + std::string(text) + "'"), std::string::npos) << error.what();
    }
  }
}

TEST(ParseBytes, TakesUnitsOfThousandsAndOf1024) {
  const std::vector<std::pair<const char*, int64_t>> cases = {{"0", 0},
                                                              {"1", 1},
                                                              {"2000000", 2'000'000},
                                                              {"3kB", 3000},
                                                              {"3KiB", 3072},
                                                              {"2MB", 2000'000},
                                                              {"1GB", 1'000'000'000},
                                                              {"2MiB", 2 << 20},
                                                              {"2GiB", int64_t{2} << 30},
                                                              {"1TB", 1'000'000'000'000},
                                                              {"1TiB", int64_t{1} << 40},
                                                              {"9223372036854775807", INT64_MAX},
                                                              {"8388607TiB", int64_t{8388607} << 40}};
  for (const auto& [text, bytes] : cases) EXPECT_EQ(parse_bytes("--memory", text), bytes) << text;
}

TEST(ParseBytes, RefusesAnythingElseAndQuotesIt) {
  for (const char* text : {"", "B", "-1", "-1MiB", "1.5GiB", "1 GiB", "1gb", "1KB", "GiB", "1e9", "1MiBB", "0x10",
                           "9223372036854775808", "8388608TiB", "+1"}) {
    try {
      parse_bytes("--memory", text);
      ADD_FAILURE() << "accepted '" << text << "'";
    } catch (const UsageError& error) {
      EXPECT_NE(std::string(error.what()).find("[--memory] bad value: '" + std::string(text) + "'"), std::string::npos)
          << error.what();
    }
  }
}

TEST(ParseReal, SaysWhereTheNumberStops) {
  try {
    parse_real("--delta", "1e-5x");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("character 5"), std::string::npos) << error.what();
  }
}

TEST(ParseInteger, ReadsPlainDigitsOnly) {
  EXPECT_EQ(parse_integer("--steps", "14062"), 14062);
  EXPECT_EQ(parse_integer("--steps", "-1"), -1);
  for (const char* text : {"", "1e4", "1.0", "1 000", "0x10", "99999999999999999999", " 1", "+1", "ten"})
    EXPECT_THROW(parse_integer("--steps", text), UsageError) << text;
}

TEST(FormatRoundedUp, NeverShowsLessThanTheValue) {
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> uniform(-300, 300);
  for (int i = 0; i < 20000; ++i) {
    const double value = std::pow(10, uniform(random));
    for (const int digits : {1, 3, 6}) {
      const double shown = std::strtod(format_rounded_up(value, digits).c_str(), nullptr);
      EXPECT_GE(shown, value);
      EXPECT_LE(shown, value * (1 + std::pow(10, 1 - digits)));
    }
  }
}

TEST(FormatRoundedUp, KeepsWhatFits) {
  EXPECT_EQ(format_rounded_up(0, 6), "0");
  EXPECT_EQ(format_rounded_up(0.5, 6), "0.5");
  EXPECT_EQ(format_rounded_up(1e-5, 6), "1e-05");
  EXPECT_EQ(format_rounded_up(3, 1), "3");
  EXPECT_EQ(format_rounded_up(1.0000001, 6), "1.00001");
  EXPECT_EQ(format_rounded_up(9.9999999, 6), "10");
  EXPECT_EQ(format_rounded_up(std::numeric_limits<double>::infinity(), 6), "inf");
  EXPECT_GE(std::strtod(format_rounded_up(3.3e-319, 6).c_str(), nullptr), 3.3e-319);
}

TEST(FormatRoundedDown, NeverShowsMoreThanTheValue) {
  std::mt19937_64 random(6);
  std::uniform_real_distribution<double> uniform(-300, 300);
  for (int i = 0; i < 20000; ++i) {
    const double value = std::pow(10, uniform(random));
    for (const int digits : {1, 3, 6}) {
      const double shown = std::strtod(format_rounded_down(value, digits).c_str(), nullptr);
      EXPECT_LE(shown, value);
      EXPECT_GE(shown, value * (1 - std::pow(10, 1 - digits)));
    }
  }
}

TEST(FormatRoundedDown, KeepsWhatFits) {
  EXPECT_EQ(format_rounded_down(0, 6), "0");
  EXPECT_EQ(format_rounded_down(0.5, 6), "0.5");
  EXPECT_EQ(format_rounded_down(0.9999999, 6), "0.999999");
  EXPECT_EQ(format_rounded_down(9.9999999, 6), "9.99999");
  EXPECT_EQ(format_rounded_down(std::numeric_limits<double>::infinity(), 6), "inf");
  EXPECT_LE(std::strtod(format_rounded_down(3.3e-319, 6).c_str(), nullptr), 3.3e-319);
}

}  // namespace
}  // namespace sotto::tools
