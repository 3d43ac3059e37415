// Statistical tests are seeded, so they are deterministic; the false-alarm rates say how often another seed would fail.
#include <gtest/gtest.h>
#include <sotto/privacy/exact_draws.h>

#include <algorithm>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/multiprecision/cpp_int.hpp>
#include <cmath>
#include <random>
#include <vector>

namespace sotto::privacy {
namespace {

using boost::multiprecision::cpp_int;

constexpr double kScore = 4.5;    // false alarm 7e-6 per score
constexpr double kLeastP = 1e-5;  // false alarm 1e-5 per p-value

ExactDraws draws(std::uint64_t seed = 1) {
  return ExactDraws(RandomStream(SecretKey::insecure_for_tests(seed), "exact draws"));
}

cpp_int integer(WideUnsigned value) {
  return (cpp_int(static_cast<std::uint64_t>(value >> 64)) << 64) + static_cast<std::uint64_t>(value);
}

// Standard score of the number of successes, N(0, 1).
template <class Coin>
double score(int trials, double probability, const Coin& coin) {
  double count = 0;
  for (int i = 0; i < trials; ++i) count += coin() ? 1 : 0;
  if (probability == 0 || probability == 1) return std::abs(count - trials * probability);
  return (count - trials * probability) / std::sqrt(trials * probability * (1 - probability));
}

WideUnsigned power(int exponent) {
  return WideUnsigned{1} << exponent;
}

// Numbers of every size, and digits at which n / d is hit to a unit.
TEST(Denominator, SaysOnlyWhatIsTrueAndNearlyAlwaysSomething) {
  std::mt19937_64 random(1);
  int decided = 0, total = 0;
  for (int i = 0; i < 200000; ++i) {
    const WideUnsigned wide = (WideUnsigned{random()} << 64 | random()) >> (1 + random() % 127);
    const WideUnsigned d = std::max<WideUnsigned>(wide, 1);
    const WideUnsigned n = (WideUnsigned{random()} << 64 | random()) % (d + 1);
    const Denominator denominator(d);
    const auto near = static_cast<std::int64_t>((integer(n) << 16) / integer(d));
    for (const std::int64_t w : {near - 1, near, near + 1, static_cast<std::int64_t>(random() % 65536)}) {
      if (w < 0 || w > 65535) continue;
      const auto digits = static_cast<std::uint32_t>(w);
      const bool below = integer(d) * (w + 1) <= integer(n) << 16, above = integer(d) * w >= integer(n) << 16;
      EXPECT_TRUE(below || !denominator.surely_below(digits, n));
      EXPECT_TRUE(above || !denominator.surely_not_below(digits, n));
      WideUnsigned rest = n;
      const auto compared = compare_digits(digits, rest, d);
      if (compared) {
        EXPECT_TRUE(*compared ? below : above);
      } else {
        EXPECT_EQ(integer(rest), (integer(n) << 16) - integer(d) * w);
        EXPECT_LE(integer(rest), integer(d));
      }
      if (std::abs(w - near) > 1) {
        ++total;
        decided += denominator.surely_below(digits, n) || denominator.surely_not_below(digits, n) ? 1 : 0;
      }
    }
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_EQ(decided, total);
}

TEST(ExactDraws, UniformIntegersAreUniform) {
  for (const std::uint32_t n : {1u, 2u, 3u, 7u, 100u, 65537u, 0x80000001u, 0xfffffffeu, 0xffffffffu}) {
    ExactDraws random = draws(n);
    const std::uint32_t cells = std::min(n, 64u);
    std::vector<double> count(cells);
    constexpr int kTrials = 200000;
    for (int i = 0; i < kTrials; ++i) {
      const std::uint32_t value = random.below(n);
      ASSERT_LT(value, n);
      // Cells of equal size but for one value in 1000 and more.
      count[static_cast<std::size_t>(std::uint64_t{value} * cells / n)] += 1;
    }
    if (cells == 1) continue;
    double statistic = 0, first = 0;
    for (std::uint32_t cell = 0; cell < cells; ++cell) {
      const auto end = static_cast<double>((std::uint64_t{cell + 1} * n + cells - 1) / cells);
      const double expected = kTrials * (end - first) / n;
      first = end;
      statistic += (count[cell] - expected) * (count[cell] - expected) / expected;
    }
    EXPECT_GT(cdf(complement(boost::math::chi_squared(cells - 1), statistic)), kLeastP) << n;
  }
}

TEST(ExactDraws, CoinsHaveTheirProbability) {
  ExactDraws random = draws();
  const struct {
    WideUnsigned n, d;
  } coins[] = {{0, 1},
               {1, 1},
               {1, 2},
               {1, 3},
               {2, 3},
               {1, 1000},
               {999, 1000},
               {0, power(126)},
               {power(126), power(126)},
               {12345, 65536},
               {power(126) / 3, power(126) - 1},
               {power(80) + 1, power(126) + 12345},
               {power(120), power(126)}};
  for (const auto& [n, d] : coins) {
    const double probability = static_cast<double>(n) / static_cast<double>(d);
    const Denominator denominator(d);
    EXPECT_LT(std::abs(score(400000, probability, [&, n = n] { return random.coin(n, denominator); })), kScore)
        << probability;
  }
}

TEST(ExactDraws, ExponentialCoinsHaveTheirProbability) {
  ExactDraws random = draws(2);
  for (const double gamma : {0.0, 1e-3, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.999, 1.0}) {
    for (const int places : {10, 40, 126}) {
      const WideUnsigned d = power(places), n = static_cast<WideUnsigned>(std::ldexp(gamma, places));
      const double exact = std::exp(-static_cast<double>(n) / static_cast<double>(d));
      const Denominator denominator(d);
      EXPECT_LT(std::abs(score(200000, exact, [&] { return random.exp_coin(n, denominator); })), kScore) << gamma;
      EXPECT_LT(std::abs(score(200000, exact * exact * std::exp(-2),
                               [&] { return random.exp_coin(2, n, denominator) && random.exp_coin(n, denominator); })),
                kScore)
          << gamma;
    }
  }
  EXPECT_LT(std::abs(score(4000000, std::exp(-1.0), [&] { return random.exp_one_coin(); })), kScore);
  EXPECT_LT(std::abs(score(400000, 0.5, [&] { return random.fair_bit(); })), kScore);
}

// What the scores above would see: a probability that is off by 2e-3 of itself.
TEST(ExactDraws, AWrongProbabilityIsSeen) {
  ExactDraws random = draws(3);
  EXPECT_GT(std::abs(score(20000000, std::exp(-1.0) * 1.002, [&] { return random.exp_one_coin(); })), kScore);
}

}  // namespace
}  // namespace sotto::privacy
