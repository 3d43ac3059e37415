#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/moment_envelope.h>

#include <algorithm>
#include <cmath>
#include <complex>

namespace sotto::privacy {
namespace {

using LongComplex = std::complex<long double>;

// |E_Q[r^kappa]| - 1 by a fine rule in long double, straight from the definition.
long double brute_excess(double q, double s, LongComplex kappa) {
  constexpr long double kStep = 1.0L / 2048;
  const long double reach = 14 + kappa.real() / s;
  LongComplex sum = 0;
  for (long double u = -14; u <= reach; u += kStep) {
    const long double y = u / s - 0.5L / (static_cast<long double>(s) * s);
    const long double log_r = std::log1p(static_cast<long double>(q) * std::expm1(y));
    sum += (std::exp(kappa * log_r) - 1.0L) * std::exp(-u * u / 2);  // the sum of 1 is 1
  }
  return std::abs(1.0L + sum * kStep / std::sqrt(2 * std::acos(-1.0L))) - 1;
}

double least(const std::vector<double>& values) {
  return *std::min_element(values.begin(), values.end());
}

struct Setting {
  double q, s;
};
constexpr Setting kSettings[] = {{1e-6, 0.4}, {1e-3, 0.5}, {0.01, 1}, {0.2, 0.7}, {0.5, 3}};

TEST(MomentEnvelope, EveryCutBoundsTheModulusFromThereOn) {
  for (const auto& [q, s] : kSettings) {
    const MomentEnvelope envelope({q, {s}}, 8);
    for (const double power : {1.0, 1.3, 3.5}) {
      // The sum along the real axis has large terms that cancel.
      const long double noise = 1e-16L * (1 + brute_excess(q, s, power));
      for (const double omega : {5.0, 50.0, 150.0}) {
        const std::vector<double> bounds = envelope.excess(power, omega);
        for (const double factor : {1.0, 1.6}) {
          const long double exact = brute_excess(q, s, {power, factor * omega});
          EXPECT_GE(least(bounds), exact - noise) << q << ' ' << s << ' ' << power << ' ' << omega << ' ' << factor;
        }
      }
    }
  }
}

// Without the damping the bound is the real moment, which explodes right of the saddle point.
TEST(MomentEnvelope, DampsLargeLosses) {
  const MomentEnvelope envelope({1e-6, {0.4}}, 7);
  const double real = std::exp(7 * std::log(1e-6) + 7 * 6 / (2 * 0.16));  // q^p e^(p (p - 1) / (2 s^2))
  EXPECT_GT(real, 1e14);
  EXPECT_LT(1e6 * least(envelope.excess(7, 300)), 0.05);
  EXPECT_GT(least(envelope.excess(7, 0.01)), 1e10);
}

// At a cut the bound is convex in the power: between two of them it is no more than the larger.
TEST(MomentEnvelope, BetweenTwoPowersTheLargerBounds) {
  for (const auto& [q, s] : kSettings) {
    const MomentEnvelope envelope({q, {s}}, 6);
    const auto low = envelope.excess(2, 30), middle = envelope.excess(3.7, 30), high = envelope.excess(6, 30);
    for (std::size_t cut = 0; cut < middle.size(); ++cut) {
      const double larger = std::max(low[cut], high[cut]);
      EXPECT_LE(middle[cut], larger + 1e-3 * std::abs(larger) + 1e-15) << q << ' ' << cut;
    }
  }
}

TEST(MomentEnvelope, RefusesWhatIsOutOfRange) {
  EXPECT_THROW(MomentEnvelope({0, {1}}, 2), UsageError);
  EXPECT_THROW(MomentEnvelope({1, {1}}, 2), UsageError);
  EXPECT_THROW(MomentEnvelope({0.1, {1e-3}}, 2), UsageError);
  EXPECT_THROW(MomentEnvelope({0.1, {1}}, 0.5), UsageError);
  EXPECT_THROW(MomentEnvelope({0.1, {1}}, HUGE_VAL), UsageError);
}

}  // namespace
}  // namespace sotto::privacy
