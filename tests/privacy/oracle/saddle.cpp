#include "saddle.h"

#include <algorithm>
#include <cmath>

#include "bulk.h"

namespace sotto::oracle {

namespace {

constexpr double kLeastAbscissa = 1e-9;
constexpr double kGreatestAbscissa = 1e14;

double log_delta_at(const LogMoment& moment, double steps, double c, double epsilon) {
  const double curvature = steps * moment.variance + 1 / (c * c) + 1 / ((c + 1) * (c + 1));
  return steps * moment.value - c * epsilon - std::log(c) - std::log1p(c) - 0.5 * std::log(2 * M_PI * curvature);
}

double epsilon_at(const LogMoment& moment, double steps, double c) {
  return steps * moment.mean - 1 / c - 1 / (c + 1);
}

}  // namespace

LogMoment log_moment(const Law& law, double abscissa) {
  const double q = law.sampling_rate(), sigma = law.noise_multiplier();
  const double kappa = law.side == Side::remove ? abscissa + 1 : -abscissa;
  const double sign = law.side == Side::remove ? 1 : -1;
  const double h = std::min(0.2, 0.4 * sigma);
  double greatest = -HUGE_VAL, mass = 0, first = 0, second = 0;
  for (const Stretch& stretch : bulk(law, kappa, 45)) {
    for (double k = std::ceil(stretch.from / h); k * h <= stretch.to; ++k) {
      const double u = k * h, loss = log_ratio(q, sigma, u), log_weight = -u * u / 2 + kappa * loss;
      if (log_weight > greatest) {
        const double shrink = std::exp(greatest - log_weight);
        mass *= shrink, first *= shrink, second *= shrink;
        greatest = log_weight;
      }
      const double weight = std::exp(log_weight - greatest);
      mass += weight, first += weight * loss, second += weight * loss * loss;
    }
  }
  const double mean = first / mass;
  return {greatest + std::log(mass * h / std::sqrt(2 * M_PI)), sign * mean, std::max(second / mass - mean * mean, 0.0)};
}

double saddle_abscissa(const Law& law, double epsilon) {
  const double steps = law.steps();
  double low = std::log(kLeastAbscissa), high = std::log(kGreatestAbscissa);
  for (int i = 0; i < 45; ++i) {
    const double middle = (low + high) / 2, c = std::exp(middle);
    (epsilon_at(log_moment(law, c), steps, c) < epsilon ? low : high) = middle;
  }
  return std::exp((low + high) / 2);
}

double approximate_log_delta(const Law& law, double epsilon) {
  const double c = saddle_abscissa(law, epsilon);
  return log_delta_at(log_moment(law, c), law.steps(), c, epsilon);
}

double approximate_epsilon(const Law& law, double log_delta) {
  const double steps = law.steps();
  double low = std::log(kLeastAbscissa), high = std::log(kGreatestAbscissa);
  for (int i = 0; i < 45; ++i) {
    const double middle = (low + high) / 2, c = std::exp(middle);
    const LogMoment moment = log_moment(law, c);
    (log_delta_at(moment, steps, c, epsilon_at(moment, steps, c)) > log_delta ? low : high) = middle;
  }
  const double c = std::exp((low + high) / 2);
  return std::max(epsilon_at(log_moment(law, c), steps, c), 0.0);
}

}  // namespace sotto::oracle
