#pragma once
// Renyi divergences by their definition, in extended precision, to compare curves with.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

namespace sotto::privacy::reference {

inline constexpr long double kRootTwoPi = 2.506628274631000502415765284811045253L;

inline void expect_relative(double value, long double expected, long double tolerance) {
  EXPECT_LE(std::abs(value - expected), tolerance * std::abs(expected))
      << "got " << value << ", expected " << static_cast<double>(expected);
}

// log integral of p^order q^(1-order) / (order - 1) by the definition, in extended precision, for normal mixtures of
// unit variance. Good where the divergence is not tiny.
using Density = std::function<long double(long double)>;
inline long double brute_force_rdp(const Density& p, const Density& q, long double order, long double low,
                                   long double high) {
  constexpr long double kStep = 1 / 64.0L;
  long double sum = 0;
  for (long double u = low; u <= high; u += kStep)
    sum += std::exp(order * std::log(p(u)) + (1 - order) * std::log(q(u))) * kStep;
  return std::log(sum) / (order - 1);
}

inline Density mixture(const std::vector<long double>& centres, const std::vector<long double>& weights) {
  return [=](long double u) {
    long double sum = 0;
    for (size_t i = 0; i < centres.size(); ++i)
      sum += weights[i] * std::exp(-(u - centres[i]) * (u - centres[i]) / 2) / kRootTwoPi;
    return sum;
  };
}

}  // namespace sotto::privacy::reference
