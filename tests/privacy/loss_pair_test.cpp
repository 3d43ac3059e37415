#include <gtest/gtest.h>
#include <sotto/privacy/loss_pair.h>

#include <boost/math/quadrature/gauss.hpp>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
using Mixture = GaussianMixturePair::Mixture;

struct Case {
  const char* name;
  Mixture p, q;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"gaussian", {{0.7, 1}}, {{0, 1}}},
      {"poisson", {{0, 0.99}, {1, 0.01}}, {{0, 1}}},
      {"rare", {{0, 1 - 1e-6}, {2.5, 1e-6}}, {{0, 1}}},
      {"replace", {{0, 0.9}, {0.8, 0.1}}, {{0, 0.9}, {-0.8, 0.1}}},
      {"mixture", {{0, 0.2}, {1, 0.6}, {2, 0.2}}, {{0, 1}}},
  };
  return all;
}

double density(const Mixture& mixture, double u) {
  double sum = 0;
  for (const auto& [shift, weight] : mixture)
    sum += weight * std::exp(-(u - shift) * (u - shift) / 2) / std::sqrt(2 * std::numbers::pi);
  return sum;
}

TEST(GaussianMixturePair, MassesMeetQuadrature) {
  for (const Case& c : cases()) {
    const GaussianMixturePair pair(c.p, c.q);
    for (const double from : {-9.0, -3.0, -0.4, 0.0, 0.6, 2.0, 7.5}) {
      for (const double width : {1e-9, 1e-5, 1e-3, 0.05, 0.3, 4.0}) {
        const PairMass mass = pair.mass(from, from + width);
        const auto integral = [&](const Mixture& mixture) {
          double sum = 0;
          for (int panel = 0; panel < 16; ++panel)
            sum += boost::math::quadrature::gauss<double, 20>::integrate(
                [&](double t) { return density(mixture, from + (panel + t) * width / 16) * width / 16; }, 0.0, 1.0);
          return sum;
        };
        SCOPED_TRACE(testing::Message() << c.name << " [" << from << ", +" << width << "]");
        // What is lost when from + width is formed is not the integral's business.
        const double ends = 4 * std::numeric_limits<double>::epsilon() * (std::abs(from) + width) / width;
        EXPECT_NEAR(mass.p / integral(c.p), 1, mass.error + 1e-12 + ends);
        EXPECT_NEAR(mass.q / integral(c.q), 1, mass.error + 1e-12 + ends);
        EXPECT_LT(mass.error, 1e-12);
      }
    }
  }
}

// Far to the right only the unsampled part of Q is left: log(1 / (1 - q)).
TEST(GaussianMixturePair, LossKeepsItsDigitsWhereNearlyEveryRecordIsDrawn) {
  for (const double unsampled : {0x1p-10, 0x1p-20, 0x1p-30, 0x1p-40}) {
    const GaussianMixturePair pair({{0, 1}}, {{0, unsampled}, {-5, 1 - unsampled}});
    EXPECT_NEAR(pair.loss(20), -std::log(unsampled), pair.loss_error(20)) << unsampled;
  }
}

TEST(GaussianMixturePair, EqualShiftsAreOneComponent) {
  const GaussianMixturePair pair({{1, 0.2}, {0, 0.4}, {0, 0.4}}, {{0, 1}});
  EXPECT_NEAR(pair.loss(-kInfinity), std::log(0.8), 1e-15);
  EXPECT_NEAR(pair.exchanged().loss(kInfinity), -std::log(0.8), 1e-15);
}

TEST(GaussianMixturePair, TailsAndTheWholeLineHaveTheirMass) {
  for (const Case& c : cases()) {
    const GaussianMixturePair pair(c.p, c.q);
    EXPECT_NEAR(pair.mass(-kInfinity, kInfinity).p, 1, 1e-14) << c.name;
    const PairMass left = pair.mass(-kInfinity, 0.3), right = pair.mass(0.3, kInfinity);
    EXPECT_NEAR(left.p + right.p, 1, 1e-14) << c.name;
    EXPECT_NEAR(left.q + right.q, 1, 1e-14) << c.name;
    double tail = 0;
    for (const auto& [shift, weight] : c.p) tail += weight * std::erfc((6 - shift) / std::numbers::sqrt2) / 2;
    EXPECT_NEAR(pair.mass(6, kInfinity).p / tail, 1, 1e-13) << c.name;
  }
}

TEST(GaussianMixturePair, LossIsTheLogarithmOfTheRatioAndGrows) {
  for (const Case& c : cases()) {
    const GaussianMixturePair pair(c.p, c.q);
    double last = -kInfinity;
    for (double u = -12; u <= 12; u += 0.37) {
      const double loss = pair.loss(u);
      EXPECT_NEAR(loss, std::log(density(c.p, u) / density(c.q, u)), 1e-13 * (1 + std::abs(loss)))
          << c.name << " " << u;
      EXPECT_GE(loss, last) << c.name << " " << u;
      EXPECT_LE(loss, pair.loss(kInfinity)) << c.name;
      EXPECT_GE(loss, pair.loss(-kInfinity)) << c.name;
      last = loss;
    }
  }
  EXPECT_DOUBLE_EQ(GaussianMixturePair({{0, 0.75}, {1, 0.25}}, {{0, 1}}).loss(-kInfinity), std::log(0.75));
  EXPECT_EQ(GaussianMixturePair({{0, 0.75}, {1, 0.25}}, {{0, 1}}).loss(kInfinity), kInfinity);
}

TEST(GaussianMixturePair, InverseFindsTheLossWithinItsError) {
  for (const Case& c : cases()) {
    for (const bool exchanged : {false, true}) {
      const GaussianMixturePair forward(c.p, c.q);
      const GaussianMixturePair pair = exchanged ? forward.exchanged() : forward;
      for (double u = -7.3; u < 8; u += 0.61) {
        const double loss = pair.loss(u);
        if (!(loss > pair.loss(-8) && loss < pair.loss(9))) continue;
        const LossPair::Inverse found = pair.inverse(loss, -8, 9);
        EXPECT_LE(std::abs(pair.loss(found.u) - loss), found.error + pair.loss_error(u)) << c.name << " " << u;
        EXPECT_LT(found.error, 1e-11) << c.name;
      }
    }
  }
}

TEST(GaussianMixturePair, ExchangedIsTheSameExperimentTurnedRound) {
  for (const Case& c : cases()) {
    const GaussianMixturePair pair(c.p, c.q), other = pair.exchanged();
    for (const double u : {-3.0, 0.1, 2.0}) EXPECT_NEAR(other.loss(-u), -pair.loss(u), 1e-14);
    EXPECT_NEAR(other.mass(-2, -1).p, pair.mass(1, 2).q, 1e-16);
    EXPECT_NEAR(other.mass(-2, -1).q, pair.mass(1, 2).p, 1e-16);
  }
}

TEST(GaussianMixturePair, CutsLeaveNoMoreThanTheTail) {
  for (const Case& c : cases()) {
    const GaussianMixturePair pair(c.p, c.q);
    for (const double tail : {1e-3, 1e-12, 1e-60, 1e-250}) {
      EXPECT_LE(pair.mass(pair.right_cut(tail), kInfinity).p, tail) << c.name;
      EXPECT_LE(pair.mass(-kInfinity, pair.left_cut(tail)).p, tail) << c.name;
      EXPECT_GE(pair.mass(pair.right_cut(tail) - 0.01, kInfinity).p, tail) << c.name << ": cut too far out";
    }
  }
}

// P = Lap(0, b), Q = Lap(1, b): loss (|x - 1| - |x|) / b.
TEST(LaplacePair, MassesAreThoseOfTheDensity) {
  const double b = 0.8;
  const LaplacePair pair(b);
  EXPECT_EQ(pair.loss(3), 1 / b);
  EXPECT_EQ(pair.loss(-3), -1 / b);
  for (const double from : {-1.2, -0.5, 0.0, 1.0}) {
    const double to = from + 0.1;
    const double x_low = (1 - b * to) / 2, x_high = (1 - b * from) / 2;  // 0 < x < 1
    const PairMass mass = pair.mass(from, to);
    EXPECT_NEAR(mass.p, (std::exp(-x_low / b) - std::exp(-x_high / b)) / 2, 1e-15);
    EXPECT_NEAR(mass.q, (std::exp((x_high - 1) / b) - std::exp((x_low - 1) / b)) / 2, 1e-15);
  }
}

}  // namespace
}  // namespace sotto::privacy
