#pragma once
// Mechanisms on a few coins with their whole law written down: what an auditor of canaries can meet, exactly.
//
// Coins and guesses are bit masks. An output is a set of guessed canaries and a guess for each of them.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

namespace sotto::privacy::test {

struct CanaryOutput {
  std::uint32_t guessed, guess;  // the bits of `guess` outside of `guessed` are 0
};

struct CanaryMechanism {
  int canaries;
  std::vector<CanaryOutput> outputs;
  std::vector<std::vector<long double>> law;  // law[coins][output]

  std::uint32_t data_sets() const { return std::uint32_t{1} << canaries; }

  int correct(std::uint32_t coins, const CanaryOutput& output) const {
    return std::popcount(output.guessed & ~(coins ^ output.guess));
  }

  // The least delta at epsilon, over all pairs of coins that differ in one.
  long double delta(long double epsilon) const {
    const long double factor = std::exp(epsilon);
    long double largest = 0;
    for (std::uint32_t s = 0; s < data_sets(); ++s)
      for (int i = 0; i < canaries; ++i) {
        const std::vector<long double>&p = law[s], &q = law[s ^ (std::uint32_t{1} << i)];
        long double sum = 0;
        for (std::size_t t = 0; t < outputs.size(); ++t) sum += std::max(0.0L, p[t] - factor * q[t]);
        largest = std::max(largest, sum);
      }
    return largest;
  }

  // P[at least `least` guesses are right] for fair coins.
  long double success(int least) const {
    long double sum = 0;
    for (std::uint32_t s = 0; s < data_sets(); ++s)
      for (std::size_t t = 0; t < outputs.size(); ++t)
        if (correct(s, outputs[t]) >= least) sum += law[s][t];
    return sum / data_sets();
  }
};

// Guesses `guesses` canaries, every set of them as often, with k right with probability weight[k], every such pattern
// as often.
inline CanaryMechanism symmetric_mechanism(int canaries, int guesses, const std::vector<long double>& weight) {
  CanaryMechanism mechanism{canaries, {}, {}};
  long double sets = 0;
  for (std::uint32_t guessed = 0; guessed < mechanism.data_sets(); ++guessed) {
    if (std::popcount(guessed) != guesses) continue;
    ++sets;
    for (std::uint32_t guess = 0; guess < mechanism.data_sets(); ++guess)
      if ((guess & ~guessed) == 0) mechanism.outputs.push_back({guessed, guess});
  }
  std::vector<long double> patterns(static_cast<std::size_t>(guesses) + 1, 1);
  for (int k = 1; k <= guesses; ++k)
    patterns[static_cast<std::size_t>(k)] = patterns[static_cast<std::size_t>(k) - 1] * (guesses - k + 1) / k;
  for (std::uint32_t s = 0; s < mechanism.data_sets(); ++s) {
    mechanism.law.emplace_back();
    for (const CanaryOutput& output : mechanism.outputs) {
      const auto k = static_cast<std::size_t>(mechanism.correct(s, output));
      mechanism.law.back().push_back(weight[k] / patterns[k] / sets);
    }
  }
  return mechanism;
}

}  // namespace sotto::privacy::test
