#pragma once
// Lower bounds on epsilon from many independent replays of a mechanism on two neighbouring data sets.
//
// An event that was fixed before the replays happens in a share of those on D and in another of those on D'. Clopper-
// Pearson limits p in [p_low, p_high] and q in [q_low, q_high] of its probabilities, each end at confidence
// 1 - beta / 4, hold together with probability 1 - beta at least, and then (Jagielski, Ullman, Oprea, NeurIPS 2020)
//
//   epsilon >= log((p_low - delta) / q_high)
//
// and the same with D and D' exchanged, with the event's complement, and with both: the largest of the four counts. A
// mechanism that is mu-Gaussian private (Dong, Roth, Su 2022) has, with the event as a test for D against D',
//
//   mu >= Phi^-1(1 - fpr_high) - Phi^-1(fnr_high) = Phi^-1(p_low) - Phi^-1(q_high)
//
// (Nasr et al., USENIX Security 2023), and mu is far better to tell from counts than epsilon at a small delta. But it
// says something about epsilon only where the mechanism is one Gaussian of unknown noise: releases without sampling.
// With Poisson sampling at a rate below 1 a mechanism is not Gaussian private with the mu that one event shows; there
// replay_epsilon_lower alone is a bound.
//
// Results are rounded downward, are never negative and are 0 where nothing can be said. runs in [1, kMostTrials]
// (binomial_limits.h), 0 <= events <= runs, delta in [0, 1), beta in (0, 1); UsageError otherwise.

#include <cstddef>
#include <cstdint>
#include <span>

namespace sotto::privacy {

// Of one data set.
struct ReplayCounts {
  std::int64_t runs = 0;
  std::int64_t events = 0;
};

// For a mechanism that is (epsilon, delta)-private the result is above epsilon with probability beta at most.
double replay_epsilon_lower(const ReplayCounts& d, const ReplayCounts& d_prime, double delta, double beta);
// For a mechanism that is mu-Gaussian private the result is above mu with probability beta at most.
double replay_mu_lower(const ReplayCounts& d, const ReplayCounts& d_prime, double beta);
// The epsilon at delta in (0, 1) of the Gaussian mechanism with that mu: a lower bound for a mechanism that is known to
// be one Gaussian without sampling, and for no other.
double gaussian_replay_epsilon_lower(const ReplayCounts& d, const ReplayCounts& d_prime, double delta, double beta);

// What a threshold is chosen for.
enum class ReplayTarget { epsilon, mu };

struct ThresholdAudit {
  double threshold = 0;  // the event is: score >= threshold
  ReplayCounts d, d_prime;
  double epsilon = 0, mu = 0;  // lower bounds from these counts; they hold together with probability 1 - beta
};

// The first `selection` scores of either data set choose the threshold that gives the largest bound there, out of about
// 200 of their values; only the others are counted. The split is declared with the call, before scores are seen. Scores
// are in the order of the replays, which are independent; infinite ones are allowed, NaN is not. 1 <= selection < the
// number of scores of either; otherwise UsageError. delta in [0, 1). O(n log n).
ThresholdAudit threshold_audit(std::span<const double> d, std::span<const double> d_prime, std::size_t selection,
                               ReplayTarget target, double delta, double beta);

}  // namespace sotto::privacy
