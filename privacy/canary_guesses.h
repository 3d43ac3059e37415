#pragma once
// Guesses about the coins of canaries, from scores: the highest are guessed to have taken part, the lowest not.
//
// The bound of one_run_audit.h holds for guesses that are a function of the output and whose number is fixed. Scores
// are computed from the output and numbers of guesses are declared when the object is made; coins are shown to it last,
// and only to count. Trying several pairs of numbers and keeping the best costs a union bound, which
// best_one_run_epsilon_lower takes over the declared pairs.
//
// Equal scores at the border of a group of guesses are resolved against the auditor, so that the order in which
// canaries are listed may depend on the coins: the count is never above that of any rule that breaks ties without them.

#include <sotto/privacy/one_run_audit.h>

#include <cstdint>
#include <span>
#include <vector>

namespace sotto::privacy {

struct GuessNumbers {
  std::int64_t in = 0;   // of the highest scores
  std::int64_t out = 0;  // of the lowest scores
};

class CanaryGuesses {
 public:
  // One score for each of 1 to kMostTrials canaries, the higher the likelier that it took part; infinite ones are
  // allowed. 0 <= in, out; in + out between 1 and the number of scores. UsageError otherwise. O(m log m).
  CanaryGuesses(std::span<const double> scores, GuessNumbers numbers);

  // coins[i] is not 0 when canary i took part. UsageError when there is not one for each score. O(m).
  OneRunCounts count(std::span<const std::uint8_t> coins) const;

  GuessNumbers numbers() const { return numbers_; }

 private:
  std::vector<double> scores_;
  GuessNumbers numbers_;
  double lowest_in_, highest_out_;  // scores at the borders
};

struct OneRunBound {
  double epsilon = 0;    // lower bound at confidence 1 - beta
  GuessNumbers numbers;  // the pair it came from
  OneRunCounts counts;
};

// The largest bound over the declared pairs, each at confidence 1 - beta / pairs. `declared` was fixed before any coin
// was seen; at least one pair, each valid for CanaryGuesses. Ranges of delta and beta as in one_run_audit.h.
OneRunBound best_one_run_epsilon_lower(std::span<const double> scores, std::span<const GuessNumbers> declared,
                                       std::span<const std::uint8_t> coins, double delta, double beta);

}  // namespace sotto::privacy
