#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/event.h>
#include <sotto/privacy/log_sum.h>
#include <sotto/privacy/without_replacement_rdp.h>

#include <algorithm>
#include <boost/math/constants/constants.hpp>
#include <cmath>
#include <limits>

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
// Beyond this the nodes of log_even_difference become too many; nothing private happens there.
constexpr double kSmallestDifferenceNoise = 0.05;
// Beyond this divergence per order sampling changes nothing that matters, and e^(j (j-1) rate) may overflow.
constexpr double kLargestSampledRate = 1e4;

}  // namespace

WithoutReplacementRdp::WithoutReplacementRdp(double sampling_rate, double noise_multiplier)
    : q_(sampling_rate),
      rate_(2 / noise_multiplier / noise_multiplier),
      log_differences_(kLargestDifference / 2 + 1, kNan) {
  validate(PoissonSampled{sampling_rate, Gaussian{noise_multiplier}});
  if (!(q_ > 0 && q_ < 1 && noise_multiplier > 0))
    throw UsageError(
        fmt::format("[WithoutReplacementRdp] sampling_rate {} and noise_multiplier {}; allowed are 0 < sampling_rate "
                    "< 1 and noise above 0",
                    sampling_rate, noise_multiplier));
}

double WithoutReplacementRdp::unsampled(double order) const {
  return order * rate_;
}

// The trapezoidal rule on an entire function; its peaks lie where l (log |r - 1|)' = u.
double WithoutReplacementRdp::log_even_difference(int order) {
  double& known = log_differences_[static_cast<std::size_t>(order) / 2];
  if (!std::isnan(known)) return known;
  constexpr double kStep = 0.25, kReach = 10;
  const double slope = std::sqrt(2 * rate_), l = order;  // log r = slope u - slope^2 / 2
  const double low = -std::sqrt(l) - kReach, high = l * slope + slope / 2 + std::sqrt(l) + kReach;
  LogSum sum;
  for (double u = std::floor(low / kStep) * kStep; u <= high; u += kStep) {
    const double y = slope * (u - slope / 2);
    const double log_distance = y > 40 ? y : std::log(std::abs(std::expm1(y)));
    sum.add(l * log_distance - u * u / 2);
  }
  known = sum.log() + std::log(kStep / boost::math::constants::root_two_pi<double>());
  return known;
}

double WithoutReplacementRdp::log_moment(int order) {
  if (order == 1) return 0;
  const auto [entry, fresh] = log_moments_.try_emplace(order, 0);
  if (!fresh) return entry->second;

  constexpr double kLogTwo = boost::math::constants::ln_two<double>(), kNegligibleNats = 40;
  const bool differences = 2 / std::sqrt(2 * rate_) >= kSmallestDifferenceNoise;
  const double a = order;
  // Binomial weight C(a, j) q^j as mantissa * 2^exponent: products keep their relative accuracy.
  int exponent = 0;
  double mantissa = std::frexp(a * (a - 1) / 2 * q_, &exponent);
  double log_weight = std::log(mantissa) + exponent * kLogTwo + std::log(q_);
  const double first = 2 * rate_;  // e(2)
  LogSum sum;
  sum.add(log_weight + (first > 1 ? kLogTwo + first : std::log(std::min(4 * std::expm1(first), 2 * std::exp(first)))));
  for (int j = 3; j <= order; ++j) {
    int shift = 0;
    mantissa = std::frexp(mantissa * ((a - j + 1) / j * q_), &shift);
    exponent += shift;
    log_weight = std::log(mantissa) + exponent * kLogTwo + std::log(q_);
    double log_term = log_weight + kLogTwo + static_cast<double>(j) * (j - 1) * rate_;
    if (differences && j < kLargestDifference && log_term > sum.log() - kNegligibleNats)
      log_term = std::min(
          log_term, log_weight + 2 * kLogTwo + (log_even_difference(j - j % 2) + log_even_difference(j + j % 2)) / 2);
    sum.add(log_term);
  }
  // The largest exponents are a (a - 1) rate_, a log q and those of log_even_difference: their rounding is a relative
  // error of the sum.
  const double rounding = 8 * std::numeric_limits<double>::epsilon() * a * (a * rate_ - std::log(q_) + 10);
  const double log_moment = log1p_exp(sum.log());
  const double bound = std::min(log_moment + rounding * std::min(log_moment, 1.0), (a - 1) * unsampled(a));
  log_moments_[order] = bound;
  return bound;
}

double WithoutReplacementRdp::at(double order) {
  if (!(order >= 1))
    throw UsageError(fmt::format("[WithoutReplacementRdp] bad order: {}; allowed is 1 to infinity", order));
  if (std::isinf(order)) return kInfinity;
  if (order > kLargestSampledOrder || rate_ > kLargestSampledRate) return unsampled(order);
  const double below = std::max(1.0, std::floor(std::min(order, kLargestSampledOrder - 1.0)));
  const int floor_order = static_cast<int>(below);
  // D at orders up to 2 is interpolated from 0, where it is the same at all of them.
  if (floor_order == 1) return std::min(log_moment(2), unsampled(order));
  const double part = order - below;
  const double moment = (1 - part) * log_moment(floor_order) + (part > 0 ? part * log_moment(floor_order + 1) : 0.0);
  return std::min(moment / (order - 1), unsampled(order));
}

}  // namespace sotto::privacy
