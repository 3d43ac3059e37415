#include <gtest/gtest.h>
#include <sotto/privacy/analytic_gaussian.h>
#include <sotto/privacy/erfcx.h>
#include <sotto/privacy/error.h>

#include <boost/math/special_functions/erf.hpp>
#include <cmath>
#include <limits>

#include "golden_table.h"

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

void expect_relative(double value, double expected, double tolerance) {
  EXPECT_LE(std::abs(value - expected), tolerance * std::abs(expected)) << "got " << value << ", expected " << expected;
}

TEST(Erfcx, AgreesWithItsDefinitionInLongDouble) {
  for (double x = 0; x < 100; x = x * 1.07 + 0.01) {
    const long double xl = x;
    const long double erfc = boost::math::erfc(xl);
    const long double expected = std::exp(xl * xl) * erfc;
    expect_relative(erfcx(x), static_cast<double>(expected), 4e-15);
    if (x < 20)
      expect_relative(negative_erfcx_derivative(x),
                      static_cast<double>(2 / std::sqrt(3.14159265358979323846264L) - 2 * xl * expected), 5e-14);
  }
}

TEST(Erfcx, FollowsTheAsymptoticSeriesFarOut) {
  const double root_pi = std::sqrt(3.14159265358979323846);
  for (const double x : {1e4, 1e8, 1e100}) {
    expect_relative(erfcx(x), 1 / (x * root_pi) * (1 - 0.5 / x / x), 2e-15);
    expect_relative(negative_erfcx_derivative(x), 1 / root_pi / x / x * (1 - 1.5 / x / x), 2e-14);
  }
}

TEST(AnalyticGaussian, EpsilonMeetsPublishedValues) {
  const struct {
    double noise, delta, epsilon, tolerance;
  } rows[] = {
      {1, 1e-5, 4.377178095681225, 1e-13},     {0.5, 1e-6, 10.99715121422065, 1e-13},
      {4, 1e-5, 0.9263415039982294, 1e-13},    {10, 1e-3, 0.1975339732397104, 1e-13},
      {0.01, 1e-5, 5425.50984614743, 1e-12},   {1, 1e-100, 21.62750809364838, 1e-12},
      {100, 1e-9, 0.04886639301570327, 1e-12},
  };
  for (const auto& row : rows) expect_relative(gaussian_epsilon(1 / row.noise, row.delta), row.epsilon, row.tolerance);
}

TEST(AnalyticGaussian, NoiseMeetsPublishedValues) {
  const struct {
    double epsilon, delta, noise;
  } rows[] = {
      {1, 1e-5, 3.730631634815942}, {0.1, 1e-6, 36.30469042619578},   {8, 1e-5, 0.6002290721989516},
      {1, 1e-12, 6.55782206745885}, {100, 1e-5, 0.09466990701474639}, {0.001, 1e-10, 4584.218227174257},
  };
  for (const auto& row : rows) expect_relative(gaussian_noise_multiplier(row.epsilon, row.delta), row.noise, 1e-12);
}

TEST(AnalyticGaussian, DeltaMeetsGoldenTable) {
  int checked = 0;
  for (const GoldenRow& row : read_golden("golden_delta.csv")) {
    if (row.number("q") != 1 || row.number("eps") < 0) continue;
    expect_relative(gaussian_delta(1 / row.number("sigma"), row.number("eps")), row.number("delta_remove"), 1e-11);
    ++checked;
  }
  EXPECT_EQ(checked, 7);
}

TEST(AnalyticGaussian, InversesInvert) {
  for (double mu = 1e-6; mu < 2000; mu *= 3) {
    for (const double delta : {1e-300, 1e-30, 1e-9, 1e-5, 0.01, 0.3}) {
      const double epsilon = gaussian_epsilon(mu, delta);
      if (epsilon == 0) {
        EXPECT_LE(gaussian_delta(mu, 0), delta);
        continue;
      }
      EXPECT_NEAR(gaussian_log_delta(mu, epsilon) / std::log(delta), 1, 1e-9) << mu << " " << delta;
      if (epsilon < 1e5) expect_relative(gaussian_noise_multiplier(epsilon, delta), 1 / mu, 1e-8);
    }
  }
}

TEST(AnalyticGaussian, RefusesMeaninglessInput) {
  for (const double mu : {-1.0, kNan, kInfinity}) {
    EXPECT_THROW(gaussian_delta(mu, 1), UsageError);
    EXPECT_THROW(gaussian_epsilon(mu, 1e-5), UsageError);
  }
  for (const double epsilon : {-1.0, kNan, kInfinity}) {
    EXPECT_THROW(gaussian_delta(1, epsilon), UsageError);
    EXPECT_THROW(gaussian_noise_multiplier(epsilon, 1e-5), UsageError);
  }
  EXPECT_THROW(gaussian_noise_multiplier(0, 1e-5), UsageError);
  for (const double delta : {0.0, 1.0, -0.1, 2.0, kNan, kInfinity}) {
    EXPECT_THROW(gaussian_epsilon(1, delta), UsageError);
    EXPECT_THROW(gaussian_noise_multiplier(1, delta), UsageError);
  }
}

}  // namespace
}  // namespace sotto::privacy
