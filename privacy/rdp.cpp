#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/event.h>
#include <sotto/privacy/log_sum.h>
#include <sotto/privacy/rdp.h>

#include <algorithm>
#include <boost/math/constants/constants.hpp>
#include <cmath>
#include <limits>
#include <optional>

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The integrand of (A - 1) / (order - 1) in u = x / noise_multiplier. Dividing by order - 1 keeps the limit order -> 1.
class Integrand {
 public:
  Integrand(double sampling_rate, double noise_multiplier, double order, Direction direction)
      : q_(sampling_rate),
        log_q_(std::log(sampling_rate)),
        log_1mq_(std::log1p(-sampling_rate)),
        s_(noise_multiplier),
        order_m1_(order - 1),
        removing_(direction == Direction::remove),
        kappa_(removing_ ? order : -order_m1_),
        log_half_order_(std::log(order / 2)) {}

  double kappa() const { return kappa_; }

  // log r at u, increasing and convex in u.
  double log_ratio(double u) const {
    const double y = u / s_ - 0.5 / (s_ * s_);
    if (std::abs(y) < 30) return std::log1p(q_ * std::expm1(y));
    const double low = std::min(log_1mq_, log_q_ + y);
    const double high = std::max(log_1mq_, log_q_ + y);
    return high + std::log1p(std::exp(low - high));
  }

  // log of g(L) / (order - 1). g falls up to L = 0 and rises after it.
  double log_g(double log_r) const {
    if (log_r == 0) return -kInfinity;
    if (std::abs(log_r) * std::max(1.0, std::abs(kappa_)) < 0.5)
      return log_half_order_ + 2 * std::log(std::abs(log_r)) + std::log(series(log_r));
    if (removing_) {
      // g = e^L (expm1((order-1) L) + (order-1) expm1(-L)): exact near order 1, and nothing overflows early.
      if (order_m1_ * log_r > 600) return log_r * kappa_ - std::log(order_m1_);
      return log_r + std::log(scaled_expm1(log_r) + std::expm1(-log_r));
    }
    if (-order_m1_ * log_r > 600) return -order_m1_ * log_r - std::log(order_m1_);
    if (log_r > 600) return log_r;
    return std::log(std::expm1(log_r) - scaled_expm1_negative(log_r));
  }

  // Upper bound of the log integrand over [a, b].
  double bound(double a, double b) const {
    const double log_r_a = log_ratio(a), log_r_b = log_ratio(b);
    const double nearest = a <= 0 && b >= 0 ? 0 : std::min(std::abs(a), std::abs(b));
    const double by_ends = std::max(log_g(log_r_a), log_g(log_r_b)) - nearest * nearest / 2;
    if (!removing_ || log_r_a < 0 || order_m1_ == 0 || b <= a) return by_ends;
    // g <= r^order for r >= 1, and log r lies below its chord: the maximum of a concave parabola.
    const double slope = (log_r_b - log_r_a) / (b - a);
    const double u = std::clamp(kappa_ * slope, a, b);
    return std::min(by_ends, kappa_ * (log_r_a + slope * (u - a)) - u * u / 2 - std::log(order_m1_));
  }

  double log_value(double u) const { return log_g(log_ratio(u)) - u * u / 2; }

 private:
  double scaled_expm1(double log_r) const { return order_m1_ == 0 ? log_r : std::expm1(order_m1_ * log_r) / order_m1_; }
  double scaled_expm1_negative(double log_r) const {
    return order_m1_ == 0 ? log_r : -std::expm1(-order_m1_ * log_r) / order_m1_;
  }
  // g / (kappa (kappa - 1) L^2 / 2) = sum_{m>=2} (2 / m!) (1 + kappa + ... + kappa^(m-2)) L^(m-2).
  double series(double log_r) const {
    // No stopping at a small term: at kappa = -1 every other one is zero. |kappa L| < 1/2 makes the 16th about 1e-17.
    double geometric = 1, power = 1, sum = 1;
    for (int m = 3; m <= 16; ++m) {
      geometric = kappa_ * geometric + 1;
      power *= log_r / m;
      sum += geometric * power;
    }
    return sum;
  }

  double q_, log_q_, log_1mq_, s_, order_m1_;
  bool removing_;
  double kappa_, log_half_order_;
};

// Adds the nodes first..last of the trapezoidal rule, leaving out blocks proven to be negligible.
void add_nodes(const Integrand& integrand, double step, int64_t first, int64_t last, double& peak, LogSum& sum) {
  constexpr int64_t kBlock = 16;
  constexpr double kNegligibleNats = 50;
  const double a = static_cast<double>(first) * step, b = static_cast<double>(last) * step;
  if (integrand.bound(a, b) < peak - kNegligibleNats) return;
  if (last - first < kBlock) {
    for (int64_t j = first; j <= last; ++j) sum.add(integrand.log_value(static_cast<double>(j) * step));
    peak = std::max(peak, sum.peak());
    return;
  }
  const int64_t middle = first + (last - first) / 2;
  add_nodes(integrand, step, first, middle, peak, sum);
  add_nodes(integrand, step, middle + 1, last, peak, sum);
}

double rdp_by_quadrature(double q, double s, double order, Direction direction) {
  constexpr double kReach = 10;  // standard deviations beyond the outermost peak
  const Integrand integrand(q, s, order, direction);
  const double tilted = integrand.kappa() / s;
  // log r has branch points at Im u = +-pi s, so the step has to shrink with s.
  const double step = std::min(0.25, 0.45 * s);
  const double low = std::min(0.0, tilted) - kReach;
  const double high = std::max({0.0, 1 / s, tilted}) + kReach;
  double peak = std::max({integrand.log_value(0), integrand.log_value(1 / s), integrand.log_value(tilted)});
  LogSum sum;
  add_nodes(integrand, step, static_cast<int64_t>(std::floor(low / step)), static_cast<int64_t>(std::ceil(high / step)),
            peak, sum);
  const double log_moment = sum.log() + std::log(step / std::sqrt(2 * boost::math::constants::pi<double>()));
  const double order_m1 = order - 1;
  if (order_m1 == 0) return std::exp(log_moment);
  const double log_excess = log_moment + std::log(order_m1);
  if (log_excess > 40) return log_excess / order_m1;
  return std::log1p(std::exp(log_excess)) / order_m1;
}

// log(1 - q + q e^exponent)
double log_mixture(double q, double exponent) {
  if (exponent < 600) return std::log1p(q * std::expm1(exponent));
  const double low = std::log1p(-q), high = std::log(q) + exponent;
  return std::max(low, high) + std::log1p(std::exp(-std::abs(high - low)));
}

// Removing: the moment is convex in P, and its root of degree `order` is a norm (Minkowski). Adding: r >= 1 - q.
double rdp_upper_bound(double q, double s, double order, Direction direction) {
  if (direction == Direction::add) return -std::log1p(-q);
  const double order_m1 = order - 1;
  if (order_m1 == 0) return q / (2 * s * s);
  const double convexity = log_mixture(q, order / s * (order_m1 / s) / 2) / order_m1;
  const double minkowski = log_mixture(q, order_m1 / s / s / 2) * (order / order_m1);
  return std::min(convexity, minkowski);
}

// Cases with a closed form; empty otherwise.
std::optional<double> rdp_limit(double q, double s, double order, Direction direction) {
  if (q == 0) return 0.0;
  if (s == 0) return direction == Direction::add && q < 1 ? -std::log1p(-q) : kInfinity;
  if (q == 1) return order / (2 * s * s);
  if (std::isinf(order)) return direction == Direction::add ? -std::log1p(-q) : kInfinity;
  return std::nullopt;
}

}  // namespace

double subsampled_gaussian_rdp(double sampling_rate, double noise_multiplier, double order, Direction direction) {
  validate(PoissonSampled{sampling_rate, Gaussian{noise_multiplier}});
  if (!(order >= 1))
    throw UsageError(fmt::format("[subsampled_gaussian_rdp] bad order: {}; allowed is 1 to infinity", order));
  if (const auto limit = rdp_limit(sampling_rate, noise_multiplier, order, direction)) return *limit;
  // Renyi divergence is quasi-convex, so sampling never costs more than no sampling.
  const double unsampled = order / noise_multiplier / noise_multiplier / 2;
  const bool by_bound = noise_multiplier < kSmallestQuadratureNoise || order > kLargestQuadratureOrder;
  const double rdp = by_bound ? rdp_upper_bound(sampling_rate, noise_multiplier, order, direction)
                              : rdp_by_quadrature(sampling_rate, noise_multiplier, order, direction);
  const double result = std::min(rdp, unsampled);
  SOTTO_ASSERT(result >= 0);
  return result;
}

double subsampled_gaussian_rdp_integer(double sampling_rate, double noise_multiplier, int64_t order) {
  validate(PoissonSampled{sampling_rate, Gaussian{noise_multiplier}});
  if (order < 2 || order > kMaxCount)
    throw UsageError(
        fmt::format("[subsampled_gaussian_rdp_integer] bad order: {}; allowed is an integer from 2", order));
  const double a = static_cast<double>(order), s = noise_multiplier, q = sampling_rate;
  if (const auto limit = rdp_limit(q, s, a, Direction::remove)) return *limit;

  // Binomial weight of k as mantissa * 2^exponent: a recurrence of products keeps its relative accuracy and cannot
  // underflow.
  int exponent = 0;
  double mantissa = std::frexp(a * (a - 1) / 2 * q * q, &exponent);
  const double log_1mq_part = (a - 2) * std::log1p(-q);
  const double odds = q / (1 - q);
  LogSum sum;
  for (int64_t k = 2; k <= order; ++k) {
    const double kd = static_cast<double>(k);
    const double x = kd * (kd - 1) / (2 * s * s);
    const double log_expm1 = x > 40 ? x : std::log(std::expm1(x));
    sum.add(std::log(mantissa) + exponent * boost::math::constants::ln_two<double>() + log_1mq_part + log_expm1);
    int shift = 0;
    mantissa = std::frexp(mantissa * ((a - kd) / (kd + 1) * odds), &shift);
    exponent += shift;
  }
  const double log_excess = sum.log();
  return (log_excess > 40 ? log_excess : std::log1p(std::exp(log_excess))) / (a - 1);
}

}  // namespace sotto::privacy
