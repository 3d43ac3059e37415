#include <gtest/gtest.h>
#include <sotto/privacy/discrete_variance.h>
#include <sotto/privacy/error.h>

#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cmath>
#include <limits>
#include <random>

namespace sotto::privacy {
namespace {

using Exact = boost::multiprecision::number<boost::multiprecision::cpp_bin_float<512>>;
constexpr std::uint64_t kLargest = std::uint64_t{1} << 62;

bool enough(std::uint64_t variance, double noise, std::uint64_t square) {
  return Exact(variance) >= Exact(noise) * Exact(noise) * Exact(square);
}

TEST(DiscreteVariance, IsTheLeastThatGivesTheNoise) {
  EXPECT_EQ(smallest_discrete_variance(1, 1), 1u);
  EXPECT_EQ(smallest_discrete_variance(2, 9), 36u);
  EXPECT_EQ(smallest_discrete_variance(std::nextafter(2.0, 3), 9), 37u);
  EXPECT_EQ(smallest_discrete_variance(std::nextafter(2.0, 1), 9), 36u);
  EXPECT_EQ(smallest_discrete_variance(1, kLargest), kLargest);
  EXPECT_EQ(smallest_discrete_variance(0x1p31, 1), kLargest);
  EXPECT_EQ(smallest_discrete_variance(5e-324, 1), 1u);
  std::mt19937_64 random(1);
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t square = 1 + (random() >> (2 + random() % 62));
    const double noise = std::exp2(std::uniform_real_distribution<double>(-20, 20)(random));
    if (noise * noise * static_cast<double>(square) > 0x1p61) continue;
    const std::uint64_t variance = smallest_discrete_variance(noise, square);
    EXPECT_TRUE(enough(variance, noise, square)) << noise << ", " << square;
    EXPECT_FALSE(variance > 1 && enough(variance - 1, noise, square)) << noise << ", " << square;
  }
}

TEST(DiscreteVariance, NoiseMultiplierIsTheLargestDoubleNotAboveTheQuotient) {
  EXPECT_EQ(discrete_noise_multiplier(36, 9), 2);
  EXPECT_EQ(discrete_noise_multiplier(kLargest, 1), 0x1p31);
  EXPECT_EQ(discrete_noise_multiplier(1, kLargest), 0x1p-31);
  std::mt19937_64 random(2);
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t square = 1 + (random() >> (2 + random() % 62)),
                        variance = 1 + (random() >> (2 + random() % 62));
    const double noise = discrete_noise_multiplier(variance, square);
    EXPECT_TRUE(enough(variance, noise, square)) << variance << ", " << square;
    EXPECT_FALSE(enough(variance, std::nextafter(noise, 1e300), square)) << variance << ", " << square;
  }
}

TEST(DiscreteVariance, BadValuesAreRefused) {
  for (const double noise : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity(), 0x1.1p31, 1e300})
    EXPECT_THROW(smallest_discrete_variance(noise, 1), UsageError) << noise;
  EXPECT_THROW(smallest_discrete_variance(1.1, kLargest), UsageError);
  for (const std::uint64_t bad : {std::uint64_t{0}, kLargest + 1, std::numeric_limits<std::uint64_t>::max()}) {
    EXPECT_THROW(smallest_discrete_variance(1, bad), UsageError);
    EXPECT_THROW(discrete_noise_multiplier(bad, 1), UsageError);
    EXPECT_THROW(discrete_noise_multiplier(1, bad), UsageError);
  }
}

}  // namespace
}  // namespace sotto::privacy
