#pragma once
// Binomial laws by their definition, in extended precision, to compare bounds with.

#include <cmath>
#include <cstdint>
#include <vector>

namespace sotto::privacy::reference {

// P[Bin(trials, p) = k] for all k; 0 < p < 1.
inline std::vector<long double> binomial_law(std::int64_t trials, long double p) {
  std::vector<long double> law(static_cast<std::size_t>(trials) + 1);
  const auto n = static_cast<long double>(trials);
  for (std::size_t i = 0; i < law.size(); ++i) {
    const auto k = static_cast<long double>(i);
    law[i] = std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) + k * std::log(p) +
                      (n - k) * std::log1p(-p));
  }
  return law;
}

// The sum over k >= from, small terms first.
inline long double sum_from(const std::vector<long double>& law, std::int64_t from) {
  long double sum = 0;
  for (auto k = static_cast<std::int64_t>(law.size()) - 1; k >= from; --k) sum += law[static_cast<std::size_t>(k)];
  return sum;
}

}  // namespace sotto::privacy::reference
