#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/joint_gaussian.h>

#include <cmath>
#include <limits>
#include <random>

namespace sotto::privacy {
namespace {

double joint(const Event& event) {
  return joint_gaussian(event).noise_multiplier;
}

TEST(JointGaussian, OneAloneComesBackAsItIs) {
  for (const double noise : {0.0, 5e-324, 0.1, 1.1, 1e308}) {
    EXPECT_EQ(joint(Gaussian{noise}), noise);
    EXPECT_EQ(joint(SelfComposed(Composed{{Gaussian{noise}, SelfComposed(Gaussian{1}, 0)}}, 1)), noise);
  }
}

TEST(JointGaussian, SquaresOfInversesAddAndAreRoundedUp) {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (int i = 0; i < 2000; ++i) {
    Composed events;
    long double sum = 0;
    for (uint64_t n = 1 + random() % 20; n > 0; --n) {
      const double noise = std::pow(10, 4 * uniform(random) - 2);
      const auto count = static_cast<int64_t>(1 + random() % 5);
      events.events.emplace_back(SelfComposed(Gaussian{noise}, count));
      sum += count / (static_cast<long double>(noise) * noise);
    }
    const long double exact = 1 / std::sqrt(sum);
    EXPECT_LE(joint(events), exact * (1 + 1e-18L));
    EXPECT_GE(joint(events), exact * (1 - 1e-13L));
  }
}

TEST(JointGaussian, NoiseAtTheEndsOfTheRangeStaysFinite) {
  for (const double noise : {1e-200, 1e-300, 1e200, 1e308})
    EXPECT_NEAR(joint(SelfComposed(Gaussian{noise}, 4)) / noise, 0.5, 1e-12);
  EXPECT_NEAR(joint(Composed{{Gaussian{1e200}, Gaussian{1e-200}}}) / 1e-200, 1, 1e-12);
  EXPECT_NEAR(joint(Composed{{Gaussian{1e-200}, Gaussian{1e200}}}) / 1e-200, 1, 1e-12);
}

TEST(JointGaussian, NoNoiseAndTooManyReleasesAreNoNoise) {
  EXPECT_EQ(joint(Composed{{Gaussian{0}, Gaussian{1}}}), 0);
  EXPECT_EQ(joint(Composed{{Gaussian{1}, Gaussian{0}}}), 0);
  Event often = Gaussian{1};
  for (int level = 0; level + 1 < kDeepestEvent; ++level) often = SelfComposed(often, kMaxCount);
  EXPECT_EQ(joint(often), 0);
  EXPECT_EQ(joint(Composed{{often, Gaussian{1e-300}}}), 0);
}

TEST(JointGaussian, RefusesOtherReleasesAndNone) {
  for (const Event& event : {Event(NoOp{}), Event(NonPrivate{}), Event(PoissonSampled{0.1, {1}}), Event(Laplace{1}),
                             Event(Composed{}), Event(SelfComposed(Gaussian{1}, 0)), Event(Gaussian{-1})}) {
    EXPECT_THROW(joint(event), UsageError);
    EXPECT_THROW(joint(Composed{{event}}), UsageError);
  }
  EXPECT_THROW(joint(Composed{{Gaussian{1}, Laplace{1}}}), UsageError);
}

}  // namespace
}  // namespace sotto::privacy
