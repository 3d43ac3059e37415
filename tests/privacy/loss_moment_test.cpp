#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/loss_moment.h>

#include <cmath>
#include <complex>

namespace sotto::privacy {
namespace {

constexpr double kTolerance = 1e-13;

using LongComplex = std::complex<long double>;

// E_Q[r^kappa] by a much finer rule in long double, straight from the definition.
LongComplex brute_moment(double q, double s, LongComplex kappa) {
  constexpr long double kStep = 1.0L / 2048;
  const long double reach = 14 + std::abs(kappa.real()) / s;
  LongComplex sum = 0;
  for (long double u = -reach; u <= reach; u += kStep) {
    const long double y = u / s - 0.5L / (static_cast<long double>(s) * s);
    const long double log_r = std::log1p(static_cast<long double>(q) * std::expm1(y));
    sum += std::exp(kappa * log_r - u * u / 2);
  }
  return sum * kStep / std::sqrt(2 * std::acos(-1.0L));
}

TEST(LossMoment, RealMomentsAreThoseOfTheRenyiDivergence) {
  for (const double q : {1e-6, 1e-3, 0.1, 0.9}) {
    for (const double s : {0.3, 1.0, 7.0, 50.0}) {
      for (const double c : {0.05, 0.4, 1.0, 6.0, 25.0}) {
        for (const Direction direction : {Direction::remove, Direction::add}) {
          const CertifiedLog found = LossMoment({q, {s}}, direction, c, kTolerance).log_at(0);
          const double exact = c * subsampled_gaussian_rdp(q, s, c + 1, direction);
          if (exact > 140 && std::isinf(found.error)) continue;  // powers of r beyond the range of doubles
          EXPECT_LE(std::abs(found.value.real() - exact), found.error + 4e-12 * exact + 1e-17)
              << q << " " << s << " " << c << " " << static_cast<int>(direction);
          EXPECT_LE(found.error, 3e-11 * std::max(exact, 1e-2)) << q << " " << s << " " << c;
          EXPECT_EQ(found.value.imag(), 0);
        }
      }
    }
  }
}

TEST(LossMoment, ComplexMomentsLieWithinTheirError) {
  for (const auto& [q, s] : {std::pair{0.01, 1.0}, std::pair{0.3, 0.7}, std::pair{0.9, 3.0}}) {
    for (const double c : {0.3, 4.0}) {
      for (const double omega : {0.1, 1.0, 17.0, 120.0}) {
        const CertifiedLog remove = LossMoment({q, {s}}, Direction::remove, c, kTolerance).log_at(omega);
        const CertifiedLog add = LossMoment({q, {s}}, Direction::add, c, kTolerance).log_at(omega);
        const LongComplex exact_remove = std::log(brute_moment(q, s, LongComplex(c + 1, omega)));
        const LongComplex exact_add = std::log(brute_moment(q, s, LongComplex(-c, -omega)));
        EXPECT_LE(std::abs(LongComplex(remove.value) - exact_remove), remove.error + 1e-15) << q << " " << omega;
        EXPECT_LE(std::abs(LongComplex(add.value) - exact_add), add.error + 1e-15) << q << " " << omega;
        // Where the moment is small against that at c, its relative error grows.
        const auto scaled = [&](const CertifiedLog& log, Direction direction) {
          const double at_c = LossMoment({q, {s}}, direction, c, kTolerance).log_at(0).value.real();
          return log.error * std::exp(log.value.real() - at_c);
        };
        EXPECT_LE(std::isinf(remove.error) ? 0.0 : scaled(remove, Direction::remove), 1e-10)
            << q << ' ' << c << ' ' << omega;
        EXPECT_LE(std::isinf(add.error) ? 0.0 : scaled(add, Direction::add), 1e-10) << q << ' ' << c << ' ' << omega;
      }
    }
  }
}

TEST(LossMoment, DecayBoundsTheModulusFromThereOn) {
  for (const auto& [q, s] : {std::pair{0.01, 1.0}, std::pair{0.3, 0.7}, std::pair{0.05, 4.0}}) {
    for (const Direction direction : {Direction::remove, Direction::add}) {
      const LossMoment moment({q, {s}}, direction, 5.0, kTolerance);
      const double at_zero = moment.log_at(0).value.real();
      for (const double start : {20.0, 60.0, 200.0, 600.0}) {
        const double bound = moment.decay(start);
        EXPECT_LE(bound, 1);
        for (double omega = start; omega < 8 * start; omega *= 1.07)
          EXPECT_LE(std::exp(moment.log_at(omega).value.real() - at_zero), bound * (1 + 1e-12)) << omega;
      }
      EXPECT_LT(moment.decay(2000), 0.99) << "otherwise the bound says nothing";
    }
  }
}

TEST(LossMoment, SlopeIsTheDerivative) {
  const auto at = [](double c) { return LossMoment({0.02, {1.2}}, Direction::remove, c, kTolerance); };
  const double difference = (at(3.001).log_at(0).value.real() - at(2.999).log_at(0).value.real()) / 0.002;
  EXPECT_NEAR(at(3).slope(), difference, 1e-6 * difference);
}

TEST(LossMoment, RefusesWhatIsOutOfRange) {
  EXPECT_THROW(LossMoment({0.0, {1}}, Direction::remove, 1, kTolerance), UsageError);
  EXPECT_THROW(LossMoment({1.0, {1}}, Direction::remove, 1, kTolerance), UsageError);
  EXPECT_THROW(LossMoment({0.1, {0.001}}, Direction::remove, 1, kTolerance), UsageError);
  EXPECT_THROW(LossMoment({0.1, {1}}, Direction::remove, 0, kTolerance), UsageError);
  EXPECT_THROW(LossMoment({0.1, {1}}, Direction::remove, std::nan(""), kTolerance), UsageError);
}

}  // namespace
}  // namespace sotto::privacy
