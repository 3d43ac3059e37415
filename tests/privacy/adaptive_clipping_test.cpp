#include <gtest/gtest.h>
#include <sotto/privacy/accountant.h>
#include <sotto/privacy/adaptive_clipping.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/joint_gaussian.h>

#include <cmath>
#include <limits>
#include <random>

namespace sotto::privacy {
namespace {

// In long double, by the formula of the paper.
long double both(double gradient_noise, double count_noise) {
  const long double u = gradient_noise, b = 2.0L * count_noise;
  return 1 / std::sqrt(1 / (u * u) + 1 / (b * b));
}

TEST(AdaptiveClipping, PartsAreTheClosedFormOfThePaperAndNeverLess) {
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (int i = 0; i < 20'000; ++i) {
    const double z = std::pow(10, 6 * uniform(random) - 3);
    const double s = z / 2 * (kLeastCountNoise + 1e-9 + std::pow(10, 8 * uniform(random) - 4));
    const double u = gradient_noise_beside_count(z, s);
    const long double exact =
        1 / std::sqrt(1 / (static_cast<long double>(z) * z) - 1 / (4 * static_cast<long double>(s) * s));
    EXPECT_GE(static_cast<long double>(u), exact) << z << ' ' << s;
    EXPECT_LE(static_cast<long double>(u), exact * (1 + 1e-11L)) << z << ' ' << s;
    // What is stated is not more than what is there, even when the product with the clip norm is rounded down.
    EXPECT_GE(both(u * (1 - std::numeric_limits<double>::epsilon()), s), static_cast<long double>(z)) << z << ' ' << s;
    EXPECT_GE(joint_noise_multiplier(u, s), z) << z << ' ' << s;
  }
}

TEST(AdaptiveClipping, JointNoiseIsThatOfAReleaseOfTwo) {
  for (const double u : {0.7, 1.1, 30.0})
    for (const double s : {0.6, 12.8, 400.0}) {
      EXPECT_EQ(joint_noise_multiplier(u, s),
                joint_gaussian(Composed{{Gaussian{u}, Gaussian{2 * s}}}).noise_multiplier);
      EXPECT_LE(static_cast<long double>(joint_noise_multiplier(u, s)), both(u, s));
      EXPECT_NEAR(joint_noise_multiplier(u, s), static_cast<double>(both(u, s)), 1e-12);
    }
}

// The accountant knows nothing of adaptive clipping: both sums, sampled together, cost at most what z costs.
TEST(AdaptiveClipping, BothSumsTogetherCostWhatTheOneStatedCosts) {
  const double z = 1.1, s = 1.7, u = gradient_noise_beside_count(z, s);
  const Gaussian joint = joint_gaussian(Composed{{Gaussian{u}, Gaussian{2 * s}}});
  const auto epsilon = [](const Gaussian& noise) {
    return certified_epsilon({Adjacency::add_remove, {}, Phases{{{0.01, noise}, 1000}}}, 1e-5).bracket;
  };
  EXPECT_GE(joint.noise_multiplier, z);
  EXPECT_LE(epsilon(joint).lower, epsilon(Gaussian{z}).upper);
  EXPECT_NEAR(epsilon(joint).upper, epsilon(Gaussian{z}).upper, 1e-6);
}

TEST(AdaptiveClipping, DefaultCountNoiseLeavesTheGradientNearlyAllOfTheBudget) {
  EXPECT_EQ(default_count_noise(1.1, 256), 12.8);
  EXPECT_EQ(default_count_noise(1.1, 20), 2.2);
  for (const double z : {0.3, 1.0, 40.0})
    for (const int64_t batch : {1, 40, 100'000})
      EXPECT_LE(gradient_noise_beside_count(z, default_count_noise(z, batch)), 1.0328 * z);
}

TEST(AdaptiveClipping, RefusesNoiseThatIsNoneAndACountThatSpendsAll) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const double bad : {0.0, -1.0, kInfinity, std::nan("")}) {
    EXPECT_THROW(gradient_noise_beside_count(bad, 1), UsageError);
    EXPECT_THROW(gradient_noise_beside_count(1, bad), UsageError);
    EXPECT_THROW(joint_noise_multiplier(bad, 1), UsageError);
    EXPECT_THROW(joint_noise_multiplier(1, bad), UsageError);
    EXPECT_THROW(default_count_noise(bad, 1), UsageError);
  }
  EXPECT_THROW(default_count_noise(1, 0), UsageError);
  EXPECT_THROW(gradient_noise_beside_count(2, 1), UsageError);
  EXPECT_THROW(gradient_noise_beside_count(2, 1.0099), UsageError);
  EXPECT_GT(gradient_noise_beside_count(2, 1.0101), 14.0);
}

}  // namespace
}  // namespace sotto::privacy
