#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/fft.h>

#include <cmath>
#include <complex>
#include <numbers>
#include <random>
#include <vector>

namespace sotto::privacy {
namespace {

std::size_t bit_reversed(std::size_t k, std::size_t n) {
  std::size_t result = 0;
  for (std::size_t bit = 1; bit < n; bit *= 2) result = 2 * result + ((k & bit) != 0 ? 1 : 0);
  return result;
}

struct Signal {
  std::vector<double> re, im;
};

Signal random_signal(std::size_t n, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  Signal signal{std::vector<double>(n), std::vector<double>(n)};
  for (std::size_t i = 0; i < n; ++i) signal.re[i] = normal(random), signal.im[i] = normal(random);
  return signal;
}

double norm(const Signal& a) {
  double sum = 0;
  for (std::size_t i = 0; i < a.re.size(); ++i) sum += a.re[i] * a.re[i] + a.im[i] * a.im[i];
  return std::sqrt(sum);
}

// The definition in extended precision, term by term.
TEST(Fft, MeetsTheDefinitionWithinItsBound) {
  for (const std::size_t n : {1, 2, 4, 8, 64, 1024}) {
    const Signal signal = random_signal(n, 7);
    Signal found = signal;
    Fft(n).forward(found.re.data(), found.im.data());
    long double error = 0;
    for (std::size_t k = 0; k < n; ++k) {
      std::complex<long double> exact = 0;
      for (std::size_t j = 0; j < n; ++j) {
        const long double angle = -2 * std::numbers::pi_v<long double> * static_cast<long double>((j * k) % n) / n;
        exact += std::complex<long double>(signal.re[j], signal.im[j]) * std::polar(1.0L, angle);
      }
      const std::size_t place = bit_reversed(k, n);
      error += std::norm(exact - std::complex<long double>(found.re[place], found.im[place]));
    }
    const double bound =
        kFftRoundoff * std::log2(static_cast<double>(n)) * std::sqrt(static_cast<double>(n)) * norm(signal);
    EXPECT_LE(static_cast<double>(std::sqrt(error)), bound) << n;
  }
}

TEST(Fft, InverseUndoesForwardWithinTwiceTheBound) {
  for (const std::size_t n : {1, 2, 16, 4096, 1 << 18}) {
    const Signal signal = random_signal(n, 11);
    Signal found = signal;
    const Fft fft(n);
    fft.forward(found.re.data(), found.im.data());
    fft.inverse(found.re.data(), found.im.data());
    for (std::size_t i = 0; i < n; ++i) found.re[i] -= signal.re[i], found.im[i] -= signal.im[i];
    EXPECT_LE(norm(found), 2.01 * kFftRoundoff * std::log2(static_cast<double>(n)) * norm(signal)) << n;
  }
}

TEST(Fft, MirroredPlacesHoldOppositeFrequencies) {
  for (const std::size_t n : {1, 2, 8, 256}) {
    for (std::size_t k = 0; k < n; ++k)
      EXPECT_EQ(Fft::mirrored(bit_reversed(k, n)), bit_reversed((n - k) % n, n)) << n << " " << k;
  }
}

TEST(Fft, RefusesOtherLengths) {
  for (const std::size_t n : {std::size_t{0}, std::size_t{3}, std::size_t{12}, std::size_t{1} << 27})
    EXPECT_THROW(Fft{n}, UsageError) << n;
}

TEST(Fft, SharedTransformsAreTheSameForAllCallers) {
  EXPECT_EQ(shared_fft(64).get(), shared_fft(64).get());
  EXPECT_EQ(shared_fft(std::size_t{1} << 19)->size(), std::size_t{1} << 19);
}

}  // namespace
}  // namespace sotto::privacy
