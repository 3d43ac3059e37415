// Statistical tests are seeded, so they are deterministic; the false-alarm rates say how often another seed would fail.
#include <gtest/gtest.h>
#include <sotto/privacy/discrete_gaussian.h>
#include <sotto/privacy/error.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/multiprecision/cpp_int.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <vector>

namespace sotto::privacy {
namespace {

constexpr double kScore = 4.5;    // false alarm 7e-6 per score
constexpr double kLeastP = 1e-5;  // false alarm 1e-5 per p-value

DiscreteGaussian noise(std::uint64_t variance, std::uint64_t seed = 1) {
  return {variance, RandomStream(SecretKey::insecure_for_tests(seed), "discrete gaussian")};
}

std::vector<std::int64_t> samples(std::uint64_t variance, std::size_t count, std::uint64_t seed = 1) {
  std::vector<std::int64_t> sums(count);
  noise(variance, seed).add_to(sums);
  return sums;
}

// p-value of the chi-square of samples against exp(-y^2 / (2 s^2)) / Z, cells of at least 20 expected samples.
double fit(const std::vector<std::int64_t>& drawn, std::uint64_t variance) {
  const auto spread = static_cast<std::int64_t>(std::ceil(40 * std::sqrt(static_cast<double>(variance))));
  long double theta = 0;
  const auto weight = [&](std::int64_t y) {
    return std::exp(-static_cast<long double>(y) * static_cast<long double>(y) / 2 /
                    static_cast<long double>(variance));
  };
  for (std::int64_t y = -spread; y <= spread; ++y) theta += weight(y);
  std::map<std::int64_t, double> count;
  for (const std::int64_t y : drawn) ++count[y];
  const auto total = static_cast<double>(drawn.size());
  double statistic = 0, expected = 0, observed = 0, left = total;
  int cells = 0;
  for (std::int64_t y = -spread; y <= spread; ++y) {
    expected += total * static_cast<double>(weight(y) / theta);
    if (const auto found = count.find(y); found != count.end()) observed += found->second;
    if (y < spread && (expected < 20 || left - expected < 20)) continue;
    statistic += (observed - expected) * (observed - expected) / expected;
    left -= expected;
    expected = observed = 0;
    ++cells;
  }
  return cdf(complement(boost::math::chi_squared(cells - 1), statistic));
}

TEST(DiscreteGaussian, HasTheExactLaw) {
  for (const std::uint64_t variance : {1u, 2u, 5u})
    EXPECT_GT(fit(samples(variance, 1000000), variance), kLeastP) << variance;
  for (const std::uint64_t variance : {3u, 4u, 8u, 9u, 15u, 16u, 17u, 24u, 25u, 100u, 1000u, 12345u})
    EXPECT_GT(fit(samples(variance, 200000, 2), variance), kLeastP) << variance;
}

TEST(DiscreteGaussian, AnotherLawIsSeen) {
  EXPECT_LT(fit(samples(100, 200000), 95), kLeastP);
  EXPECT_LT(fit(samples(5, 200000), 6), kLeastP);
  std::vector<std::int64_t> rounded = samples(100, 200000);
  for (std::int64_t& y : rounded) y -= y % 2;
  EXPECT_LT(fit(rounded, 100), kLeastP);
}

// Where s is large, y / s is normal to less than can be seen, and every residue is as likely as another.
TEST(DiscreteGaussian, LargeNoiseIsNormalAndUniformInItsLowDigits) {
  constexpr std::size_t kCount = 400000;
  for (const std::uint64_t variance : {std::uint64_t{1} << 40, (std::uint64_t{1} << 50) + 12345,
                                       DiscreteGaussian::kLargestVariance - 1, DiscreteGaussian::kLargestVariance}) {
    const double s = std::sqrt(static_cast<double>(variance));
    constexpr int kCells = 34;  // of width s / 4 between -4 s and 4 s, and two tails
    std::vector<double> count(kCells), residues(16);
    double mean = 0, square = 0, fourth = 0, lag = 0, before = 0;
    for (const std::int64_t y : samples(variance, kCount, variance)) {
      const double u = static_cast<double>(y) / s;
      ++count[static_cast<std::size_t>(std::clamp(std::floor(4 * u) + 17, 0.0, kCells - 1.0))];
      ++residues[static_cast<std::size_t>(y & 15)];
      mean += u;
      square += u * u;
      fourth += u * u * u * u;
      lag += u * before;
      before = u;
    }
    const auto below = [](double u) { return std::erfc(-u / std::sqrt(2.0)) / 2; };
    double statistic = 0;
    for (int cell = 0; cell < kCells; ++cell) {
      const double low = cell == 0 ? 0 : below((cell - 17) / 4.0),
                   high = cell + 1 == kCells ? 1 : below((cell - 16) / 4.0);
      const double expected = kCount * (high - low);
      statistic += (count[static_cast<std::size_t>(cell)] - expected) *
                   (count[static_cast<std::size_t>(cell)] - expected) / expected;
    }
    EXPECT_GT(cdf(complement(boost::math::chi_squared(kCells - 1), statistic)), kLeastP) << variance;
    statistic = 0;
    for (const double n : residues) statistic += (n - kCount / 16.0) * (n - kCount / 16.0) / (kCount / 16.0);
    EXPECT_GT(cdf(complement(boost::math::chi_squared(15), statistic)), kLeastP) << variance;
    // Scores of moments: E u = 0, E u^2 = 1 with variance 2, E u^4 = 3 with variance 96.
    const double root = std::sqrt(static_cast<double>(kCount));
    EXPECT_LT(std::abs(mean / root), kScore);
    EXPECT_LT(std::abs((square - kCount) / root / std::sqrt(2.0)), kScore);
    EXPECT_LT(std::abs((fourth - 3.0 * kCount) / root / std::sqrt(96.0)), kScore);
    EXPECT_LT(std::abs(lag / root), kScore);
  }
}

// gamma = (|y| t - s^2)^2 / (2 s^2 t^2) in integers of any length, over all variances and up to the largest |y|.
TEST(DiscreteGaussian, ExponentsAreExactAndFitTheirIntegers) {
  using boost::multiprecision::cpp_int;
  const auto integer = [](WideUnsigned value) {
    return (cpp_int(static_cast<std::uint64_t>(value >> 64)) << 64) + static_cast<std::uint64_t>(value);
  };
  std::mt19937_64 random(4);
  for (int i = 0; i < 3000; ++i) {
    std::uint64_t variance = 1 + (random() >> (2 + random() % 62));
    if (i % 10 == 0) variance = DiscreteGaussian::kLargestVariance - random() % 3;
    if (i % 10 == 1) variance = (std::uint64_t{1} << 31) * (std::uint64_t{1} << 31) - (random() >> 33);
    const DiscreteGaussian gaussian = noise(variance);
    const std::uint64_t t = gaussian.scale();
    EXPECT_GT(cpp_int(t) * t, variance);
    EXPECT_LE(cpp_int(t - 1) * (t - 1), variance);
    const cpp_int denominator = cpp_int(2) * variance * t * t;
    for (const std::uint64_t magnitude :
         {std::uint64_t{0}, std::uint64_t{1}, t - 1, t, random() % t, random() % (3 * t), variance / t,
          random() % (t * DiscreteGaussian::kMostScales), t * DiscreteGaussian::kMostScales - 1}) {
      const auto [whole, numerator] = gaussian.exponent(magnitude);
      const cpp_int root = cpp_int(magnitude) * t - variance;
      EXPECT_EQ(integer(whole) * denominator + integer(numerator), root * root) << variance << ", " << magnitude;
      EXPECT_LE(integer(numerator), denominator) << variance << ", " << magnitude;
    }
  }
}

// Samples of every size of noise together: E u^2 = 1 with variance 2, but for s^2 = 1 by less than 1e-6.
TEST(DiscreteGaussian, EveryVarianceIsThatOfItsSamples) {
  std::mt19937_64 random(5);
  double square = 0, mean = 0, count = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t variance = 1 + (random() >> (2 + random() % 62));
    for (const std::int64_t y : samples(variance, 300, random())) {
      const double u = static_cast<double>(y) / std::sqrt(static_cast<double>(variance));
      square += u * u - 1;
      mean += u;
      ++count;
    }
  }
  EXPECT_LT(std::abs(square) / std::sqrt(2 * count), kScore);
  EXPECT_LT(std::abs(mean) / std::sqrt(count), kScore);
}

// The number of samples beyond 4 and 4.5 s against the exact sum of the tail: Poisson, 190 and 20 expected.
TEST(DiscreteGaussian, TailsAreThere) {
  constexpr std::uint64_t kVariance = 400;
  constexpr std::size_t kCount = 3000000;
  const auto drawn = samples(kVariance, kCount, 7);
  long double theta = 0;
  for (int y = -1000; y <= 1000; ++y) theta += std::exp(-y * y / 2.0L / kVariance);
  for (const int limit : {80, 90}) {
    long double tail = 0;
    for (int y = limit; y <= 1000; ++y) tail += 2 * std::exp(-y * y / 2.0L / kVariance);
    const double expected = static_cast<double>(kCount * tail / theta);
    const auto beyond = static_cast<double>(
        std::count_if(drawn.begin(), drawn.end(), [&](std::int64_t y) { return y >= limit || y <= -limit; }));
    EXPECT_LT(std::abs(beyond - expected), 5 * std::sqrt(expected)) << limit;  // false alarm below 1e-5 each
    EXPECT_GT(expected, 15);
  }
}

TEST(DiscreteGaussian, AddsToWhatIsThere) {
  const std::vector<std::int64_t> plain = samples(1000, 100);
  std::vector<std::int64_t> sums(100, -1234567890123);
  noise(1000).add_to(sums);
  for (std::size_t i = 0; i < sums.size(); ++i) EXPECT_EQ(sums[i], plain[i] - 1234567890123);
  EXPECT_EQ(noise(1000).sample(), plain.front());
  std::vector<std::int64_t> none;
  EXPECT_NO_THROW(noise(1).add_to(none));
}

TEST(DiscreteGaussian, BadValuesAreRefused) {
  EXPECT_THROW(noise(0), UsageError);
  EXPECT_THROW(noise(DiscreteGaussian::kLargestVariance + 1), UsageError);
  EXPECT_THROW(noise(std::numeric_limits<std::uint64_t>::max()), UsageError);
  std::vector<std::int64_t> sums(1000, std::numeric_limits<std::int64_t>::max());
  EXPECT_THROW(noise(1).add_to(sums), UsageError);
}

// Bits that were drawn before the fork and not used would be the same in both processes.
TEST(DiscreteGaussian, AForkedChildDrawsNothing) {
  DiscreteGaussian gaussian = noise(5);
  gaussian.sample();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::vector<std::int64_t> sums(1);
    try {
      gaussian.add_to(sums);
    } catch (const InternalError&) {
      _exit(sums[0] == 0 ? 0 : 1);
    }
    _exit(2);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace
}  // namespace sotto::privacy
