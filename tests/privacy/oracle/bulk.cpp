#include "bulk.h"

#include <algorithm>
#include <cmath>

namespace sotto::oracle {

namespace {

double exponent(double sigma, double u) {
  return (u - 0.5 / sigma) / sigma;
}

double log_weight(double q, double sigma, double kappa, double u) {
  return -u * u / 2 + kappa * log_ratio(q, sigma, u);
}

// The mode reached from `start` by the iteration u <- kappa / sigma * included(u), which climbs to the lowest mode from
// 0 and descends to the highest from kappa / sigma.
double mode_of_mixture(double q, double sigma, double kappa, double start) {
  double u = start;
  for (int i = 0; i < 500; ++i) {
    const double next = kappa / sigma * included(q, sigma, u);
    if (std::abs(next - u) < 1e-9 * (1 + std::abs(u))) return next;
    u = next;
  }
  return u;
}

// kappa < 0: the weight is log-concave.
double mode_of_concave(double q, double sigma, double kappa) {
  double low = kappa / sigma, high = 0;
  for (int i = 0; i < 200; ++i) {
    const double middle = (low + high) / 2;
    (kappa / sigma * included(q, sigma, middle) > middle ? low : high) = middle;
  }
  return (low + high) / 2;
}

Stretch around(double q, double sigma, double kappa, double mode, double nats, double& greatest) {
  greatest = log_weight(q, sigma, kappa, mode);
  double ends[2];
  for (int side = 0; side < 2; ++side) {
    double u = mode, step = 0.2;
    for (int i = 0; i < 2000; ++i) {
      u += side == 0 ? -step : step;
      step *= 1.03;
      const double weight = log_weight(q, sigma, kappa, u);
      greatest = std::max(greatest, weight);
      if (weight < greatest - nats) break;
    }
    ends[side] = u;
  }
  return {ends[0], ends[1]};
}

}  // namespace

double log_ratio(double q, double sigma, double u) {
  const double y = exponent(sigma, u);
  if (q == 1) return y;
  return y > 0 ? y + std::log1p((1 - q) * std::expm1(-y)) : std::log1p(q * std::expm1(y));
}

double included(double q, double sigma, double u) {
  const double y = exponent(sigma, u);
  if (q == 1) return 1;
  return 1 / (1 + (1 - q) / q * std::exp(-y));
}

double log_weight(const Law& law, double kappa, double u) {
  return log_weight(law.sampling_rate(), law.noise_multiplier(), kappa, u);
}

std::vector<Stretch> bulk(const Law& law, double kappa, double nats) {
  const double q = law.sampling_rate(), sigma = law.noise_multiplier();
  double greatest = 0;
  if (kappa <= 0) return {around(q, sigma, kappa, mode_of_concave(q, sigma, kappa), nats, greatest)};
  double greatest_above = 0;
  Stretch low = around(q, sigma, kappa, mode_of_mixture(q, sigma, kappa, 0), nats, greatest);
  Stretch high = around(q, sigma, kappa, mode_of_mixture(q, sigma, kappa, kappa / sigma), nats, greatest_above);
  if (high.from >= law.cut) return {{low.from, std::min(low.to, law.cut)}};
  low.to = std::min(low.to, law.cut), high.to = std::min(high.to, law.cut);
  if (high.from <= low.to) return {{std::min(low.from, high.from), std::max(low.to, high.to)}};
  if (greatest < greatest_above - nats) return {high};
  if (greatest_above < greatest - nats) return {low};
  return {low, high};
}

}  // namespace sotto::oracle
