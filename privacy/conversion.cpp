#include <fmt/format.h>
#include <sotto/privacy/budget.h>
#include <sotto/privacy/conversion.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/order_search.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace sotto::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Stands for a divergence that underflowed: a computed zero proves nothing. Large enough for order - 1 times it to be
// normal.
constexpr double kTiny = 1e-290;

// `value` raised by a bound on the rounding of a sum of a few terms whose magnitudes add up to `magnitude`.
double raise(double value, double magnitude) {
  return value + 16 * std::numeric_limits<double>::epsilon() * magnitude;
}

// log(e^x - 1) for x > 0
double log_expm1(double x) {
  return x > 40 ? x + std::log1p(-std::exp(-x)) : std::log(std::expm1(x));
}

void validate_point(double rdp, double order) {
  if (!(rdp >= 0)) throw UsageError(fmt::format("[rdp conversion] bad rdp: {}; allowed is a number >= 0", rdp));
  if (!(order > 1 && order < kInfinity))
    throw UsageError(fmt::format("[rdp conversion] bad order: {}; allowed is a finite number > 1", order));
}

void validate_nonnegative_epsilon(double epsilon) {
  if (!(epsilon >= 0 && epsilon < kInfinity))
    throw UsageError(fmt::format("[rdp conversion] bad epsilon: {}; allowed is a finite number >= 0", epsilon));
}

double log_delta_at_order(double rdp, double order, double epsilon, Conversion conversion) {
  const double order_m1 = order - 1, log_order = std::log(order);
  if (!(order_m1 * (rdp + epsilon) < kInfinity)) return 0;
  if (conversion == Conversion::standard) {
    const double gain = order_m1 * std::log1p(-1 / order);
    return raise(order_m1 * (rdp - epsilon) + gain - log_order, order_m1 * (rdp + epsilon) - gain + log_order);
  }
  if (epsilon == 0) return 0;
  const double numerator = log_expm1(order_m1 * std::max(rdp, kTiny)), denominator = log_expm1(order_m1 * epsilon);
  return raise(numerator - log_order - denominator,
               std::abs(numerator) + log_order + std::abs(denominator) + order_m1 * (rdp + epsilon) + 1);
}

}  // namespace

double epsilon_at_order(double rdp, double order, double delta, Conversion conversion) {
  validate_point(rdp, order);
  validate_delta(delta);
  if (rdp == kInfinity) return kInfinity;
  const double order_m1 = order - 1, log_order = std::log(order), log_delta = std::log(delta);
  switch (conversion) {
    case Conversion::standard: {
      const double gain = std::log1p(-1 / order);
      const double price = (log_delta + log_order) / order_m1;
      const double magnitude = rdp - gain + (log_order - log_delta) / order_m1;
      return std::max(0.0, raise(rdp + gain - price, magnitude));
    }
    case Conversion::asoodeh: {
      const double log_scaled = log_expm1(order_m1 * std::max(rdp, kTiny)) - log_order - log_delta;
      const double numerator = log_scaled > 40 ? log_scaled + std::exp(-log_scaled) : std::log1p(std::exp(log_scaled));
      // The logarithms' absolute error is a relative error of the small quotient, an absolute one of the large.
      const double magnitude =
          (std::abs(log_scaled) + 2 * (log_order - log_delta) + 1) * std::min(numerator, 1.0) + numerator;
      return raise(numerator / order_m1, magnitude / order_m1);
    }
    case Conversion::classic:
      return raise(rdp - log_delta / order_m1, rdp - log_delta / order_m1);
  }
  throw UsageError(fmt::format("[epsilon_at_order] not a conversion: {}", static_cast<int>(conversion)));
}

double delta_at_order(double rdp, double order, double epsilon, Conversion conversion) {
  validate_point(rdp, order);
  validate_nonnegative_epsilon(epsilon);
  if (conversion == Conversion::classic)
    throw UsageError("[delta_at_order] no delta for the classic conversion; allowed are standard and asoodeh");
  return std::min(1.0, std::exp(log_delta_at_order(rdp, order, epsilon, conversion)));
}

double epsilon_from_rdp(const RdpCurve& rdp, double delta) {
  validate_delta(delta);
  return least_over_orders(rdp, [&](double value, double order) {
    return std::min(epsilon_at_order(value, order, delta, Conversion::standard),
                    epsilon_at_order(value, order, delta, Conversion::asoodeh));
  });
}

double epsilon_from_rdp_classic(const RdpCurve& rdp, double delta) {
  validate_delta(delta);
  return least_over_orders(
      rdp, [&](double value, double order) { return epsilon_at_order(value, order, delta, Conversion::classic); });
}

double delta_from_rdp(const RdpCurve& rdp, double epsilon) {
  validate_nonnegative_epsilon(epsilon);
  const double log_delta = least_over_orders(rdp, [&](double value, double order) {
    validate_point(value, order);
    return std::min(log_delta_at_order(value, order, epsilon, Conversion::standard),
                    log_delta_at_order(value, order, epsilon, Conversion::asoodeh));
  });
  return std::clamp(std::exp(log_delta) * (1 + 4 * std::numeric_limits<double>::epsilon()),
                    std::numeric_limits<double>::min(), 1.0);
}

}  // namespace sotto::privacy
