#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/pure_rdp.h>

#include <cmath>

namespace sotto::privacy {
namespace {

// Above this e^x overflows soon, and 1 is nothing beside it.
constexpr double kLargeExponent = 600;

void check_order(const char* where, double order) {
  if (!(order >= 1)) throw UsageError(fmt::format("[{}] bad order: {}; allowed is 1 to infinity", where, order));
}

// e^x - 1 - x
double expm1_minus(double x) {
  if (std::abs(x) > 0.5) return std::expm1(x) - x;
  double term = x * x / 2, sum = 0;
  for (int m = 3; m <= 18; ++m) {
    sum += term;
    term *= x / m;
  }
  return sum;
}

}  // namespace

double laplace_rdp(double scale, double order) {
  check_order("laplace_rdp", order);
  if (!(scale > 0 && std::isfinite(scale)))
    throw UsageError(fmt::format("[laplace_rdp] bad scale: {}; allowed is a finite number > 0", scale));
  const double t = 1 / scale, order_m1 = order - 1;
  if (std::isinf(order) || std::isinf(t)) return t;
  const double half = 1 / (2 - 1 / order);  // order / (2 order - 1)
  if (order_m1 == 0) return expm1_minus(-t);
  if (order_m1 * t > kLargeExponent) return t + std::log(half) / order_m1;
  const double scaled = half * expm1_minus(order_m1 * t) / order_m1 + half / order * expm1_minus(-order * t);
  return std::log1p(order_m1 * scaled) / order_m1;
}

double pure_rdp(double epsilon, double order) {
  check_order("pure_rdp", order);
  if (!(epsilon >= 0 && std::isfinite(epsilon)))
    throw UsageError(fmt::format("[pure_rdp] bad epsilon: {}; allowed is a finite number >= 0", epsilon));
  const double order_m1 = order - 1;
  if (std::isinf(order)) return epsilon;
  if (order_m1 == 0) return epsilon * std::tanh(epsilon / 2);
  if (order * epsilon > kLargeExponent)
    return epsilon + (std::log1p(std::exp(-(order + order_m1) * epsilon)) - std::log1p(std::exp(-epsilon))) / order_m1;
  const double half = epsilon / 2;
  return std::log1p(2 * std::sinh(order * half) * (std::sinh(order_m1 * half) / std::cosh(half))) / order_m1;
}

}  // namespace sotto::privacy
