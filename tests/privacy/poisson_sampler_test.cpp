// Seeded, so these tests are deterministic; the false-alarm rates say how often another seed would fail.
#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/poisson_sampler.h>

#include <limits>
#include <memory>
#include <numeric>
#include <random>

#include "sampler_statistics.h"

namespace sotto::privacy {
namespace {

using test::Sampler;
using test::SamplerTrial;

constexpr double kScore = 4.5;    // false alarm 7e-6 per score
constexpr double kLeastP = 1e-5;  // false alarm 1e-5 per p-value

Sampler poisson(double rate, std::uint64_t seed = 1) {
  auto sampler = std::make_shared<PoissonSampler>(rate, SecretKey::insecure_for_tests(seed));
  return [sampler](std::int64_t count) { return sampler->sample(count); };
}

struct Case {
  std::int64_t records;
  double rate;
  int batches;
};
class PoissonSampling : public ::testing::TestWithParam<Case> {
 protected:
  SamplerTrial trial() const {
    return {poisson(GetParam().rate), GetParam().records, GetParam().rate, GetParam().batches};
  }
};
INSTANTIATE_TEST_SUITE_P(Rates, PoissonSampling,
                         ::testing::Values(Case{1000, 0.05, 20000}, Case{3000, 0.004, 20000}, Case{200, 0.5, 5000},
                                           Case{100, 0.93, 5000}, Case{3, 0.3, 20000}));

TEST_P(PoissonSampling, EveryRecordIsChosenWithTheRate) {
  const auto t = trial();
  ASSERT_TRUE(t.well_formed());
  EXPECT_LT(std::abs(t.rate_score()), kScore);
  EXPECT_GT(t.marginal_p(), kLeastP);
}

TEST_P(PoissonSampling, PairsAreChosenIndependently) {
  const auto t = trial();
  for (std::int64_t distance : {1, 2, 3, 10, 40}) {
    if (distance >= GetParam().records) continue;
    EXPECT_LT(std::abs(t.pair_score(distance)), kScore) << distance;
  }
  EXPECT_LT(std::abs(t.all_pairs_score()), kScore);
}

TEST_P(PoissonSampling, BatchesAreIndependent) {
  const auto t = trial();
  for (std::size_t lag : {1u, 2u, 7u}) EXPECT_LT(std::abs(t.lag_score(lag)), kScore) << lag;
}

TEST_P(PoissonSampling, SizesAreBinomial) {
  EXPECT_GT(trial().size_p(), kLeastP);
}

// Tests of the tester.
TEST(SamplerStatistics, FixedSizeIsDetected) {
  auto generator = std::make_shared<std::mt19937_64>(1);
  const Sampler fixed = [generator](std::int64_t count) {
    std::vector<std::int64_t> all(static_cast<std::size_t>(count)), chosen;
    std::iota(all.begin(), all.end(), 0);
    std::sample(all.begin(), all.end(), std::back_inserter(chosen), 50, *generator);
    return chosen;
  };
  const SamplerTrial t(fixed, 1000, 0.05, 5000);
  EXPECT_LT(std::abs(t.rate_score()), kScore) << "the mean alone does not see it";
  EXPECT_GT(std::abs(t.all_pairs_score()), kScore);
  EXPECT_LT(t.size_p(), kLeastP);
}

// One per cent is ten standard errors here.
TEST(SamplerStatistics, OnePerCentInTheRateIsDetected) {
  EXPECT_GT(std::abs(SamplerTrial(poisson(0.0505), 1000, 0.05, 20000).rate_score()), kScore);
  EXPECT_GT(std::abs(SamplerTrial(poisson(0.0495), 1000, 0.05, 20000).rate_score()), kScore);
}

TEST(SamplerStatistics, ShuffledEpochsAreDetected) {
  auto generator = std::make_shared<std::mt19937_64>(1);
  auto order = std::make_shared<std::vector<std::int64_t>>();
  const Sampler epochs = [=](std::int64_t count) {
    if (order->empty()) {
      order->resize(static_cast<std::size_t>(count));
      std::iota(order->begin(), order->end(), 0);
      std::shuffle(order->begin(), order->end(), *generator);
    }
    std::vector<std::int64_t> chosen(order->end() - 50, order->end());
    order->resize(order->size() - 50);
    std::sort(chosen.begin(), chosen.end());
    return chosen;
  };
  EXPECT_GT(std::abs(SamplerTrial(epochs, 1000, 0.05, 2000).lag_score(1)), kScore);
}

TEST(SamplerStatistics, AFavouredRecordIsDetected) {
  auto generator = std::make_shared<std::mt19937_64>(1);
  const Sampler favours = [generator](std::int64_t count) {
    std::vector<std::int64_t> chosen;
    for (std::int64_t i = 0; i < count; ++i)
      if (std::bernoulli_distribution(i + 1 == count ? 0.02 : 0.05)(*generator)) chosen.push_back(i);
    return chosen;
  };
  EXPECT_LT(SamplerTrial(favours, 1000, 0.05, 20000).marginal_p(), kLeastP);
}

TEST(PoissonSampler, RatesZeroAndOneAreExact) {
  EXPECT_TRUE(poisson(0)(1'000'000).empty());
  const auto all = poisson(1)(1000);
  ASSERT_EQ(all.size(), 1000u);
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], static_cast<std::int64_t>(i));
}

TEST(PoissonSampler, EmptyDataSetGivesAnEmptyBatch) {
  for (double rate : {0.0, 0.5, 1.0}) EXPECT_TRUE(poisson(rate)(0).empty());
}

// The expected size is 500 in each case, over ranges where gaps overflow 32 bits and approach 2^53: false alarm 7e-6
// each.
TEST(PoissonSampler, TinyRatesOverHugeRangesKeepTheirMean) {
  for (double records : {1e9, 1e12, 0x1p53}) {
    const double rate = 500 / records;
    PoissonSampler sampler(rate, SecretKey::insecure_for_tests(4));
    double total = 0, position = 0;
    for (int batch = 0; batch < 200; ++batch)
      for (auto index : sampler.sample(static_cast<std::int64_t>(records))) {
        ++total;
        position += static_cast<double>(index) / records;
      }
    EXPECT_LT(std::abs(total - 1e5) / std::sqrt(1e5), kScore) << records;
    EXPECT_LT(std::abs(position - total / 2) / std::sqrt(total / 12), kScore) << records;
  }
}

TEST(PoissonSampler, SmallestRatesDoNotOverflow) {
  for (double rate : {std::numeric_limits<double>::denorm_min(), 1e-300, 1e-30})
    for (int i = 0; i < 1000; ++i) {
      PoissonSampler sampler(rate, SecretKey::insecure_for_tests(static_cast<std::uint64_t>(i)));
      ASSERT_TRUE(sampler.sample(std::int64_t{1} << 53).empty());
    }
}

// Misses are rare: over 1e6 records each is left out with probability 1e-4, 2^-53 and 2^-20.
TEST(PoissonSampler, RatesJustBelowOneLeaveOutTheRightNumber) {
  EXPECT_NEAR(static_cast<double>(1'000'000 - poisson(0.9999)(1'000'000).size()), 100, 45);
  EXPECT_EQ(poisson(1 - 0x1p-53)(1'000'000).size(), 1'000'000u);
}

TEST(PoissonSampler, DrawsFollowTheKey) {
  EXPECT_EQ(poisson(0.1, 1)(1000), poisson(0.1, 1)(1000));
  EXPECT_NE(poisson(0.1, 1)(1000), poisson(0.1, 2)(1000));
  const auto sampler = poisson(0.1);
  EXPECT_NE(sampler(1000), sampler(1000));
}

TEST(PoissonSampler, EmitsTheEventItSamples) {
  const PoissonSampler sampler(0.125, SecretKey::insecure_for_tests(1));
  const PoissonSampled event = sampler.event(Gaussian{1.5});
  EXPECT_EQ(event.sampling_rate, 0.125);
  EXPECT_EQ(event.mechanism.noise_multiplier, 1.5);
  EXPECT_FALSE(sampler.key_is_secret());
  EXPECT_TRUE(PoissonSampler(0.1, SecretKey::from_operating_system()).key_is_secret());
}

// Neighbouring data sets must run with identical constants: the rate never follows the number of records found.
TEST(PoissonSampler, RateDoesNotDependOnTheRecordsFound) {
  PoissonSampler sampler(0.01, SecretKey::insecure_for_tests(1));
  sampler.sample(10);
  sampler.sample(100000);
  EXPECT_EQ(sampler.sampling_rate(), 0.01);
}

TEST(PoissonSampler, RefusesInvalidArguments) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  for (double rate : {-0.1, -1e-300, 1.0000000001, nan, infinity, -infinity})
    EXPECT_THROW(PoissonSampler(rate, SecretKey::insecure_for_tests(1)), UsageError) << rate;
  PoissonSampler sampler(0.5, SecretKey::insecure_for_tests(1));
  EXPECT_THROW(sampler.sample(-1), UsageError);
  EXPECT_THROW(sampler.sample((std::int64_t{1} << 53) + 1), UsageError);
}

}  // namespace
}  // namespace sotto::privacy
