#include <fmt/format.h>
#include <sotto/privacy/analytic_gaussian.h>
#include <sotto/privacy/budget.h>
#include <sotto/privacy/erfcx.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <boost/math/constants/constants.hpp>
#include <boost/math/quadrature/gauss.hpp>
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>
#include <cstdint>
#include <limits>

namespace sotto::privacy {
namespace {

constexpr double kRootTwo = boost::math::constants::root_two<double>();
constexpr std::uintmax_t kMaxIterations = 200;

void validate_mu(double mu) {
  if (!(mu >= 0 && std::isfinite(mu)))
    throw UsageError(
        fmt::format("[analytic Gaussian] bad mu: {}; it is sensitivity / standard deviation, finite and >= 0", mu));
}

// Below this the difference of two values of erfcx is taken as the integral of the derivative: it keeps its digits,
// even where adding the gap to a large a would round it away.
constexpr double kClose = 0.05;

// erfcx(a) - erfcx(a + gap), a > -kClose, gap > 0.
double erfcx_difference(double a, double gap) {
  if (gap > kClose) return erfcx(a) - erfcx(a + gap);
  return gap * boost::math::quadrature::gauss<double, 7>::integrate(
                   [&](double part) { return negative_erfcx_derivative(a + gap * part); }, 0.0, 1.0);
}

}  // namespace

double gaussian_log_delta(double mu, double epsilon) {
  validate_mu(mu);
  if (!(epsilon >= 0 && std::isfinite(epsilon)))
    throw UsageError(fmt::format("[gaussian_log_delta] bad epsilon: {}; allowed is a finite number >= 0", epsilon));
  if (mu == 0) return -std::numeric_limits<double>::infinity();
  if (epsilon == 0) return std::log(std::erf(mu / (2 * kRootTwo)));
  const double a = (epsilon / mu - mu / 2) / kRootTwo, gap = mu / kRootTwo;
  if (a < 0 && gap > kClose) return std::log(std::erfc(a) / 2 - std::exp(-a * a) * erfcx(a + gap) / 2);
  return std::log(erfcx_difference(a, gap) / 2) - a * a;
}

double gaussian_delta(double mu, double epsilon) {
  return std::exp(gaussian_log_delta(mu, epsilon));
}

double gaussian_epsilon(double mu, double delta) {
  validate_mu(mu);
  validate_delta(delta);
  const double log_delta = std::log(delta);
  if (gaussian_log_delta(mu, 0) <= log_delta) return 0;
  constexpr double kFarBelow = -1e4;  // keeps infinities out of the interpolation
  const auto excess = [&](double epsilon) { return std::max(gaussian_log_delta(mu, epsilon) - log_delta, kFarBelow); };
  const double high = mu * mu / 2 + mu * std::sqrt(-2 * log_delta);
  if (high > std::numeric_limits<double>::max() / 2) return std::numeric_limits<double>::infinity();
  std::uintmax_t iterations = kMaxIterations;
  const auto bracket = boost::math::tools::toms748_solve(excess, 0.0, high * (1 + 1e-12),
                                                         boost::math::tools::eps_tolerance<double>(52), iterations);
  return bracket.second;
}

double gaussian_noise_multiplier(double epsilon, double delta) {
  validate(PrivacyBudget{epsilon, delta});
  const double log_delta = std::log(delta);
  constexpr double kFarBelow = -1e4;
  const auto excess = [&](double log_mu) {
    return std::max(gaussian_log_delta(std::exp(log_mu), epsilon) - log_delta, kFarBelow);
  };
  // mu = sqrt(2 epsilon) has delta near 1/2 minus a tail; walk outwards until the target lies between.
  double low = std::log(2 * epsilon) / 2, high = low;
  for (int i = 0; i < 2000 && excess(low) > 0; ++i) low -= 1;
  for (int i = 0; i < 2000 && excess(high) < 0; ++i) high += 1;
  std::uintmax_t iterations = kMaxIterations;
  const auto bracket = low == high ? std::pair{low, high}
                                   : boost::math::tools::toms748_solve(
                                         excess, low, high, boost::math::tools::eps_tolerance<double>(52), iterations);
  return std::exp(-bracket.first);
}

}  // namespace sotto::privacy
