#pragma once
// The law of the number of runs by its definition, in extended precision.

#include <sotto/privacy/selection_runs.h>

#include <cmath>
#include <vector>

namespace sotto::privacy::test {

// P[K = k] for k = 0, 1, ..., until less than 1e-18 is left.
inline std::vector<long double> selection_law(const SelectionRuns& runs) {
  std::vector<long double> law{0};
  if (const auto* tnb = std::get_if<TruncatedNegativeBinomial>(&runs)) {
    const long double gamma = tnb->gamma, eta = tnb->eta;
    long double product = 1;
    for (int k = 1; k < 100'000; ++k) {
      long double mass;
      if (eta == 0) {
        mass = std::pow(1 - gamma, static_cast<long double>(k)) / (k * -std::log(gamma));
      } else {
        product *= (k - 1 + eta) / k;
        mass = std::pow(1 - gamma, static_cast<long double>(k)) / std::expm1(-eta * std::log(gamma)) * product;
      }
      law.push_back(mass);
      if (mass < 1e-22L && k * gamma > 20) break;
    }
    return law;
  }
  const long double mean = std::get<PoissonRuns>(runs).mean;
  for (int k = 0; k < mean + 40 * std::sqrt(mean) + 40; ++k) {
    if (k > 0) law.push_back(0);
    law.back() = std::exp(k * std::log(mean) - mean - std::lgamma(k + 1.0L));
  }
  return law;
}

}  // namespace sotto::privacy::test
