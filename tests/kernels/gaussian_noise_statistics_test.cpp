// Seeded, so these tests are deterministic; the false-alarm rates say how often another seed would fail.
#include <gtest/gtest.h>
#include <sotto/kernels/gaussian_noise.h>

#include <array>

#include "noise_statistics.h"

namespace sotto::kernels {
namespace {

constexpr std::size_t kDraws = 8'000'000;
constexpr std::array<std::uint32_t, 8> kKey = {1, 2, 3, 4, 5, 6, 7, 8};

std::vector<float> draw(NoiseCounter counter, std::size_t count, double stddev = 1, std::uint64_t first = 0) {
  std::vector<float> out(count);
  add_gaussian_noise(kKey, counter, first, count, stddev, out.data());
  return out;
}

const std::vector<float>& sample() {
  static const std::vector<float> z = draw({1, 1}, kDraws);
  return z;
}

// Standard error 2.5e-4, band four of them: false alarm 6e-5.
TEST(GaussianNoiseStatistics, StddevIsOneWithinAThousandth) {
  EXPECT_TRUE(test::stddev_within(sample(), 1e-3));
}

// Both are eight standard errors outside the band: missed with probability below 1e-14.
TEST(GaussianNoiseStatistics, StddevCheckSeesAWrongFactor) {
  EXPECT_FALSE(test::stddev_within(draw({1, 1}, kDraws, 1.003), 1e-3));
  EXPECT_FALSE(test::stddev_within(draw({1, 1}, kDraws, 0.997), 1e-3));
}

TEST(GaussianNoiseStatistics, StddevScalesWithTheArgument) {
  for (double stddev : {1e-6, 0.37, 12345.0}) {
    auto z = draw({2, 1}, 1'000'000, stddev);
    for (float& x : z) x = static_cast<float>(x / stddev);
    EXPECT_TRUE(test::stddev_within(z, 3e-3)) << stddev;  // 4.2 standard errors: false alarm 3e-5 each
  }
}

// False alarm 6e-5 each.
TEST(GaussianNoiseStatistics, MeanAndKurtosisAreNormal) {
  EXPECT_TRUE(test::mean_is_zero(sample(), 4));
  EXPECT_TRUE(test::kurtosis_is_three(sample(), 4));
}

// False alarm 1e-4; the tester sees a stddev of 1.003 and a uniform of the same variance.
TEST(GaussianNoiseStatistics, DistributionIsNormal) {
  constexpr double kLimit = 2.225;
  const std::vector<float> z(sample().begin(), sample().begin() + 1'000'000);
  EXPECT_TRUE(test::distribution_is_normal(z, kLimit));
  EXPECT_FALSE(test::distribution_is_normal(draw({1, 1}, 2'000'000, 1.006), kLimit));
  std::vector<float> uniform(100'000);
  for (std::size_t i = 0; i < uniform.size(); ++i)
    uniform[i] = static_cast<float>(std::sqrt(12.0) * ((static_cast<double>(i) + 0.5) / 1e5 - 0.5));
  EXPECT_FALSE(test::distribution_is_normal(uniform, kLimit));
}

// Expected counts 21598, 507, 54, 4.6: within 4.5 standard deviations, false alarm below 5e-5 each (Poisson for the
// rare).
TEST(GaussianNoiseStatistics, FarTailsFollowPhi) {
  for (double threshold : {0.5, 1.0, 2.0, 3.0, 4.0, 4.5, 5.0})
    EXPECT_TRUE(test::tail_count_fits(sample(), threshold, 4.5)) << threshold;
}

TEST(GaussianNoiseStatistics, TailCheckSeesATruncatedTail) {
  auto z = sample();
  for (float& x : z) x = std::clamp(x, -4.0f, 4.0f);
  EXPECT_FALSE(test::tail_count_fits(z, 4.0, 4.5));
}

// 4.5 standard errors, two statistics: false alarm 1.4e-5 each.
TEST(GaussianNoiseStatistics, LagsAreIndependent) {
  for (std::size_t lag : {1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u, 9u, 16u, 32u, 64u, 128u, 256u, 1024u, 65536u})
    EXPECT_TRUE(test::independent(sample(), sample(), lag, 4.5)) << lag;
}

TEST(GaussianNoiseStatistics, IndependenceCheckSeesASharedRadius) {
  auto z = draw({1, 3}, 1'000'000);
  for (std::size_t i = 0; i + 1 < z.size(); i += 20) z[i + 1] = (i % 40 == 0) ? z[i] : -z[i];
  EXPECT_FALSE(test::independent(z, z, 1, 4.5));
}

TEST(GaussianNoiseStatistics, StepsTensorsAndKeysAreIndependent) {
  const std::size_t count = 1'000'000;
  const auto base = draw({1, 1}, count);
  EXPECT_TRUE(test::independent(base, draw({2, 1}, count), 0, 4.5));
  EXPECT_TRUE(test::independent(base, draw({1, 2}, count), 0, 4.5));
  EXPECT_TRUE(test::independent(draw({1, 2}, count), draw({2, 1}, count), 0, 4.5));
  EXPECT_TRUE(test::independent(base, draw({0, 1}, count), 0, 4.5));
  std::vector<float> other(count);
  auto key = kKey;
  key[7] ^= 1;
  add_gaussian_noise(key, {1, 1}, 0, count, 1.0, other.data());
  EXPECT_TRUE(test::independent(base, other, 0, 4.5));
  EXPECT_FALSE(test::independent(base, draw({1, 1}, count), 0, 4.5));
}

// No element is left out or noised twice, whatever the size. Over 4000 steps the variance of one element has relative
// standard error 2.2 %; 6 of them over 3000 elements: false alarm below 1e-4 (chi-square). Half or double noise is 20
// away.
TEST(GaussianNoiseStatistics, EveryElementPositionHasItsVariance) {
  constexpr std::size_t kSteps = 4000;
  for (std::size_t size : {1u, 5u, 8u, 127u, 131u, 1003u}) {
    std::vector<double> squares(size);
    std::vector<float> noise(size);
    for (std::uint32_t step = 0; step < kSteps; ++step) {
      std::fill(noise.begin(), noise.end(), 0.0f);
      add_gaussian_noise(kKey, {step, 77}, 0, size, 1.0, noise.data());
      for (std::size_t i = 0; i < size; ++i) squares[i] += double{noise[i]} * noise[i];
    }
    for (std::size_t i = 0; i < size; ++i)
      ASSERT_NEAR(squares[i] / kSteps, 1, 6 * std::sqrt(2.0 / kSteps)) << "element " << i << " of " << size;
  }
}

}  // namespace
}  // namespace sotto::kernels
