#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/noise_ratio.h>

#include <cmath>
#include <limits>
#include <random>

namespace sotto::tools {
namespace {

TEST(NoiseRatio, MeetsAHandComputedStep) {
  // s = 1.5, S = 0.2, B = 300, d = 10000: deviation 0.3 / 300, norm 100 of these.
  const NoiseRatio ratio = noise_ratio(1.5, 0.2, 300, 10000);
  EXPECT_DOUBLE_EQ(ratio.deviation, 0.001);
  EXPECT_DOUBLE_EQ(ratio.norm, 0.1);
  EXPECT_DOUBLE_EQ(ratio.signal, 0.2);
  EXPECT_DOUBLE_EQ(ratio.ratio, 0.5);
}

// The mean of n squared norms of normal noise in d dimensions has the relative deviation sqrt(2 / (n d)) = 0.0032; it
// is allowed 5 of them: a false alarm in less than one of a million seeds, and the seed is fixed.
TEST(NoiseRatio, NormIsTheRootMeanSquareOfDrawnNoise) {
  constexpr int kDraws = 100, kParameters = 2000;
  const NoiseRatio ratio = noise_ratio(2, 0.1, 50, kParameters);
  std::mt19937_64 generator(7);
  std::normal_distribution<double> noise(0, 2 * 0.1);
  double sum = 0;
  for (int i = 0; i < kDraws * kParameters; ++i) sum += std::pow(noise(generator) / 50, 2);
  EXPECT_NEAR(sum / kDraws / (ratio.norm * ratio.norm), 1, 5 * std::sqrt(2.0 / (kDraws * kParameters)));
}

TEST(NoiseRatio, RefusesWhatIsNoStep) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  for (const double bad : {0.0, -1.0, nan, infinity}) {
    EXPECT_THROW(noise_ratio(bad, 1, 1, 1), UsageError) << bad;
    EXPECT_THROW(noise_ratio(1, bad, 1, 1), UsageError) << bad;
    EXPECT_THROW(noise_ratio(1, 1, bad, 1), UsageError) << bad;
  }
  EXPECT_THROW(noise_ratio(1, 1, 1, -1), UsageError);
}

}  // namespace
}  // namespace sotto::tools
