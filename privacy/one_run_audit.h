#pragma once
// Lower bounds on epsilon from one training run with many canaries.
//
// Of m canaries each takes part or not by a fair coin of its own (Steinke, Nasr, Jagielski, NeurIPS 2023). From the
// output alone an auditor guesses r of the coins, r fixed beforehand, and v guesses are right. With
//
//   q = e^epsilon / (1 + e^epsilon),   f = P[Bin(r, q) >= v],   b = P[Bin(r, q) = v],
//
// any mechanism that is (epsilon, delta)-private when one canary joins or leaves has
//
//   P[v guesses or more are right] <= f + (1 - f) min(1, m delta f / (v b)).
//
// For delta = 0 this is their proposition 5.1. The second term is not theirs. It is proven in the README of this
// folder, and some mechanism attains it for every m, r, v, epsilon and delta. That of their corollary 5.4 and appendix
// D is larger, 2.5 times or more in all cases tried with f < 1/2, but too small where f is near one: the README has a
// counterexample.
//
// Guesses are a function of the output; their number is not, and neither may it be chosen by looking at coins
// (canary_guesses.h). Ranges: 0 <= correct <= guesses <= canaries <= kMostTrials, epsilon finite and >= 0, delta in
// [0, 1), beta in (0, 1); UsageError otherwise. O(guesses) at worst, usually O(sqrt(guesses)).

#include <cstdint>

namespace sotto::privacy {

struct OneRunCounts {
  std::int64_t canaries = 0;  // m: all, guessed or not
  std::int64_t guesses = 0;   // r
  std::int64_t correct = 0;   // v
};

// The right side above, rounded upward, at most 1: the p-value of the claim that the mechanism is (epsilon, delta)-
// private. It falls with `correct` and rises with epsilon and delta.
double one_run_p_value(const OneRunCounts& counts, double epsilon, double delta);

// The largest epsilon whose p-value was seen to be at most beta, rounded downward; 0 when nothing is rejected. For a
// mechanism that is (epsilon, delta)-private it is above epsilon with probability beta at most, over coins and
// mechanism.
double one_run_epsilon_lower(const OneRunCounts& counts, double delta, double beta);

// What corollary 5.4 and the program of their appendix D say, f + 2 m delta max over 1 <= i <= v of
// P[v - i <= Bin(r, q) < v] / i. Only to reproduce published tables: no bound where f is near one. O(guesses).
double published_one_run_p_value(const OneRunCounts& counts, double epsilon, double delta);

}  // namespace sotto::privacy
