#include <gtest/gtest.h>
#include <sotto/privacy/canary_guesses.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

using Coins = std::vector<std::uint8_t>;

TEST(CanaryGuesses, HighestAreGuessedInAndLowestOut) {
  const std::vector<double> scores{0.5, -kInfinity, 3, 2, -1, kInfinity, 0};
  const auto counts = CanaryGuesses(scores, {3, 2}).count(Coins{1, 0, 1, 0, 1, 1, 0});
  EXPECT_EQ(counts.canaries, 7);
  EXPECT_EQ(counts.guesses, 5);
  EXPECT_EQ(counts.correct, 3);  // in: 5 and 2 right, 3 wrong; out: 1 right, 4 wrong
  EXPECT_EQ(CanaryGuesses(scores, {0, 7}).count(Coins(7, 0)).correct, 7);
  EXPECT_EQ(CanaryGuesses(scores, {7, 0}).count(Coins(7, 0)).correct, 0);
}

// Against all orders of the canaries, the first of equal ones being guessed first.
TEST(CanaryGuesses, TiesAreNeverCountedAboveAnyOrder) {
  std::mt19937_64 generator(3);
  for (int trial = 0; trial < 300; ++trial) {
    constexpr std::size_t kCanaries = 5;
    std::vector<double> scores(kCanaries);
    Coins coins(kCanaries);
    for (auto& score : scores) score = static_cast<double>(generator() % 3);
    for (auto& coin : coins) coin = generator() % 2;
    const auto in = static_cast<std::int64_t>(generator() % (kCanaries + 1));
    const auto out = static_cast<std::int64_t>(generator() % (kCanaries + 1 - in));
    if (in + out == 0) continue;
    const std::int64_t counted = CanaryGuesses(scores, {in, out}).count(coins).correct;
    std::vector<std::size_t> order(kCanaries);
    std::iota(order.begin(), order.end(), 0);
    std::int64_t least = kCanaries;
    do {
      auto sorted = order;
      std::stable_sort(sorted.begin(), sorted.end(), [&](auto a, auto b) { return scores[a] > scores[b]; });
      std::int64_t right = 0;
      for (std::int64_t i = 0; i < in; ++i) right += coins[sorted[static_cast<std::size_t>(i)]];
      for (std::int64_t i = 0; i < out; ++i) right += !coins[sorted[kCanaries - 1 - static_cast<std::size_t>(i)]];
      least = std::min(least, right);
    } while (std::next_permutation(order.begin(), order.end()));
    EXPECT_LE(counted, least);
    if (in == 0 || out == 0) {
      EXPECT_EQ(counted, least);
    }
  }
}

TEST(CanaryGuesses, AListInTheOrderOfTheCoinsGivesNothingAway) {
  Coins coins(100, 0);
  std::fill(coins.begin(), coins.begin() + 50, 1);
  const auto counts = CanaryGuesses(std::vector<double>(100, 1.0), {50, 50}).count(coins);
  EXPECT_EQ(counts.correct, 0);
}

TEST(CanaryGuesses, BestOfSeveralPaysTheUnionBound) {
  std::vector<double> scores(200);
  std::iota(scores.begin(), scores.end(), 0);
  Coins coins(200, 0);
  for (std::size_t i = 0; i < 200; ++i) coins[i] = i >= 120 || (i >= 60 && i % 2);
  const std::vector<GuessNumbers> declared{{50, 50}, {20, 20}, {100, 100}, {80, 0}};
  const auto best = best_one_run_epsilon_lower(scores, declared, coins, 1e-6, 0.05);
  double expected = 0;
  for (const auto& numbers : declared)
    expected = std::max(expected, one_run_epsilon_lower(CanaryGuesses(scores, numbers).count(coins), 1e-6, 0.05 / 4));
  EXPECT_GT(expected, 1);
  EXPECT_NEAR(best.epsilon, expected, 1e-9);
  EXPECT_LE(best.epsilon, expected);
  const auto again = CanaryGuesses(scores, best.numbers).count(coins);
  EXPECT_EQ(again.correct, best.counts.correct);
  EXPECT_EQ(again.guesses, best.counts.guesses);
  EXPECT_LT(best.epsilon, one_run_epsilon_lower(best.counts, 1e-6, 0.05));
}

// Scores that know nothing, 4000 audits, 20 declared pairs: a rate of 0.05 is exceeded by 4.5 standard errors with
// probability 7e-6. Without the union bound the rate would be well above it.
TEST(CanaryGuesses, BestOfSeveralIsWrongNoMoreOftenThanBeta) {
  constexpr int kAudits = 4000;
  constexpr double kBeta = 0.05;
  std::mt19937_64 generator(5);
  std::normal_distribution<double> normal;
  std::vector<GuessNumbers> declared;
  for (std::int64_t k = 5; k <= 100; k += 5) declared.push_back({k, k});
  int wrong = 0, wrong_without = 0;
  for (int audit = 0; audit < kAudits; ++audit) {
    std::vector<double> scores(200);
    Coins coins(200);
    for (auto& score : scores) score = normal(generator);
    for (auto& coin : coins) coin = generator() % 2;
    wrong += best_one_run_epsilon_lower(scores, declared, coins, 0, kBeta).epsilon > 0;
    bool any = false;
    for (const auto& numbers : declared)
      any = any || one_run_p_value(CanaryGuesses(scores, numbers).count(coins), 0, 0) <= kBeta;
    wrong_without += any;
  }
  const double most = kAudits * kBeta + 4.5 * std::sqrt(kAudits * kBeta * (1 - kBeta));
  EXPECT_LE(wrong, most);
  EXPECT_GT(wrong_without, most);
}

TEST(CanaryGuesses, RefusesWhatIsOutOfRange) {
  const std::vector<double> scores{1, 2, 3};
  for (const GuessNumbers bad : {GuessNumbers{-1, 1}, {1, -1}, {2, 2}, {4, 0}, {0, 0}})
    EXPECT_THROW(CanaryGuesses(scores, bad), UsageError);
  EXPECT_THROW(CanaryGuesses(std::vector<double>{}, GuessNumbers{1, 0}), UsageError);
  EXPECT_THROW(CanaryGuesses(std::vector<double>{1, kNan}, GuessNumbers{1, 0}), UsageError);
  EXPECT_THROW(CanaryGuesses(scores, GuessNumbers{1, 1}).count(Coins{1, 0}), UsageError);
  EXPECT_THROW(best_one_run_epsilon_lower(scores, {}, Coins{1, 0, 1}, 0, 0.05), UsageError);
  const std::vector<GuessNumbers> declared{{1, 1}};
  for (const double bad : {0.0, 1.0, kNan})
    EXPECT_THROW(best_one_run_epsilon_lower(scores, declared, Coins{1, 0, 1}, 0, bad), UsageError);
}

}  // namespace
}  // namespace sotto::privacy
