#include <fmt/format.h>
#include <sotto/privacy/binomial_limits.h>
#include <sotto/privacy/canary_guesses.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Right guesses among `guesses` canaries, of which those beyond the border are certain and the others are taken from
// the ones at the border, wrong ones first.
struct Group {
  std::int64_t beyond = 0, right_beyond = 0, wrong_at_border = 0;

  std::int64_t right(std::int64_t guesses) const {
    return right_beyond + std::max<std::int64_t>(0, guesses - beyond - wrong_at_border);
  }
};

}  // namespace

CanaryGuesses::CanaryGuesses(std::span<const double> scores, GuessNumbers numbers)
    : scores_(scores.begin(), scores.end()), numbers_(numbers), lowest_in_(kInfinity), highest_out_(-kInfinity) {
  const auto canaries = static_cast<std::int64_t>(scores_.size());
  if (canaries < 1 || canaries > kMostTrials)
    throw UsageError(
        fmt::format("[CanaryGuesses] bad number of scores: {}; allowed is 1 to {}", canaries, kMostTrials));
  for (std::size_t i = 0; i < scores_.size(); ++i)
    if (std::isnan(scores_[i]))
      throw UsageError(fmt::format("[CanaryGuesses] score {} of {}: not a number; allowed are numbers", i, canaries));
  const auto [in, out] = numbers;
  if (in < 0 || out < 0 || in > canaries || out > canaries - in || in + out < 1)
    throw UsageError(
        fmt::format("[CanaryGuesses] bad numbers of guesses: {} in and {} out; allowed are numbers >= 0 whose sum is 1 "
                    "to the number of scores, {}",
                    in, out, canaries));
  std::vector<double> sorted = scores_;
  std::sort(sorted.begin(), sorted.end());
  if (in > 0) lowest_in_ = sorted[static_cast<std::size_t>(canaries - in)];
  if (out > 0) highest_out_ = sorted[static_cast<std::size_t>(out - 1)];
}

OneRunCounts CanaryGuesses::count(std::span<const std::uint8_t> coins) const {
  if (coins.size() != scores_.size())
    throw UsageError(fmt::format("[CanaryGuesses::count] bad number of coins: {}; allowed is one for each score, {}",
                                 coins.size(), scores_.size()));
  Group in, out;
  for (std::size_t i = 0; i < scores_.size(); ++i) {
    const bool took_part = coins[i] != 0;
    if (scores_[i] > lowest_in_) {
      ++in.beyond;
      in.right_beyond += took_part;
    } else if (scores_[i] == lowest_in_) {
      in.wrong_at_border += !took_part;
    }
    if (scores_[i] < highest_out_) {
      ++out.beyond;
      out.right_beyond += !took_part;
    } else if (scores_[i] == highest_out_) {
      out.wrong_at_border += took_part;
    }
  }
  const std::int64_t right_in = numbers_.in > 0 ? in.right(numbers_.in) : 0;
  const std::int64_t right_out = numbers_.out > 0 ? out.right(numbers_.out) : 0;
  return {static_cast<std::int64_t>(scores_.size()), numbers_.in + numbers_.out, right_in + right_out};
}

OneRunBound best_one_run_epsilon_lower(std::span<const double> scores, std::span<const GuessNumbers> declared,
                                       std::span<const std::uint8_t> coins, double delta, double beta) {
  if (declared.empty())
    throw UsageError("[best_one_run_epsilon_lower] declared pairs of numbers of guesses: none; allowed is 1 or more");
  if (!(beta > 0 && beta < 1))
    throw UsageError(
        fmt::format("[best_one_run_epsilon_lower] bad beta: {}; allowed is a number between 0 and 1", beta));
  const double share = beta / static_cast<double>(declared.size()) * (1 - std::numeric_limits<double>::epsilon());
  OneRunBound best;
  bool first = true;
  for (const GuessNumbers& numbers : declared) {
    const OneRunCounts counts = CanaryGuesses(scores, numbers).count(coins);
    const double epsilon = one_run_epsilon_lower(counts, delta, share);
    if (first || epsilon > best.epsilon) best = {epsilon, numbers, counts};
    first = false;
  }
  return best;
}

}  // namespace sotto::privacy
