#pragma once
// Tails of binomial laws and confidence limits of their success probability, on the safe side of rounding.
//
// Tails and quantiles are Boost.Math's incomplete beta function, moved by kBinomialMargin; a limit is returned only
// when the tail at it was seen to be at most what is allowed, else it is moved outward until it is, in the end to 0
// or 1. Counts are in [0, trials], trials in [1, kMostTrials]; UsageError otherwise. Microseconds each.

#include <cstdint>

namespace sotto::privacy {

inline constexpr std::int64_t kMostTrials = 10'000'000;
// Relative; the largest error seen against sums in extended precision is below 1e-12 (tests).
inline constexpr double kBinomialMargin = 1e-9;

// An upper bound of P[Bin(trials, 1 - failure) >= count], at most 1. The failure probability is asked for, and not that
// of a success, because it is the one that is small; in [0, 1].
double binomial_upper_tail(std::int64_t trials, std::int64_t count, double failure);

// One-sided limits at confidence 1 - alpha (Clopper, Pearson 1934), alpha in (0, 1): the truth p has
//   P[lower_limit <= p] >= 1 - alpha,   P[p <= upper_limit] >= 1 - alpha.
// lower_limit is the p with P[Bin(trials, p) >= count] = alpha, 0 for count = 0; upper_limit the p with
// P[Bin(trials, p) <= count] = alpha, 1 for count = trials.
double binomial_lower_limit(std::int64_t trials, std::int64_t count, double alpha);
double binomial_upper_limit(std::int64_t trials, std::int64_t count, double alpha);

}  // namespace sotto::privacy
