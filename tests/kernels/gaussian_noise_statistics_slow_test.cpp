#include <gtest/gtest.h>
#include <sotto/kernels/gaussian_noise.h>

#include <array>

#include "noise_statistics.h"

namespace sotto::kernels {
namespace {

constexpr std::size_t kDraws = 100'000'000;
constexpr std::array<std::uint32_t, 8> kKey = {8, 7, 6, 5, 4, 3, 2, 1};

std::vector<float> draw(double stddev) {
  std::vector<float> out(kDraws);
  add_gaussian_noise(kKey, {1, 1}, 0, kDraws, stddev, out.data());
  return out;
}

// Standard error 7.1e-5, band 4.2 of them: false alarm 2.2e-5.
TEST(GaussianNoiseStatisticsSlow, StddevIsOneWithinThreeTenThousandths) {
  EXPECT_TRUE(test::stddev_within(draw(1), 3e-4));
  EXPECT_FALSE(test::stddev_within(draw(1.0008), 3e-4));
}

// False alarms: 6e-5 for mean and kurtosis; tails 5e-5 each (expected beyond 5.5: 3.8); lags 1.4e-5 each.
TEST(GaussianNoiseStatisticsSlow, ShapeTailsAndLags) {
  const auto z = draw(1);
  EXPECT_TRUE(test::mean_is_zero(z, 4));
  EXPECT_TRUE(test::kurtosis_is_three(z, 4));
  for (double threshold : {3.0, 4.0, 4.5, 5.0, 5.5}) EXPECT_TRUE(test::tail_count_fits(z, threshold, 4.5)) << threshold;
  for (std::size_t lag : {1u, 2u, 4u, 8u, 128u}) EXPECT_TRUE(test::independent(z, z, lag, 4.5)) << lag;
}

}  // namespace
}  // namespace sotto::kernels
