#include <fmt/format.h>
#include <sotto/privacy/erfcx.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/event.h>
#include <sotto/privacy/subsampled_delta.h>

#include <algorithm>
#include <boost/math/constants/constants.hpp>
#include <boost/math/quadrature/gauss.hpp>
#include <cmath>

namespace sotto::privacy {
namespace {

constexpr double kRootTwo = boost::math::constants::root_two<double>();
constexpr double kRootPi = boost::math::constants::root_pi<double>();
constexpr double kRootTwoPi = boost::math::constants::root_two_pi<double>();

double density(double t) {
  return std::exp(-t * t / 2) / kRootTwoPi;
}
// phi(a) (R(a) - R(b)) > 0 for a < b, R the ratio of upper tail and density (Mills), which falls. Its derivative is
// t R(t) - 1.
double mills_difference(double a, double b) {
  constexpr double kClose = 0.5;
  if (b - a < kClose) {
    const auto slope = [a](double t) {
      if (t >= 0) return density(a) * kRootPi / 2 * negative_erfcx_derivative(t / kRootTwo);
      return density(a) - t * normal_upper_tail(t) * std::exp((t - a) * (t + a) / 2);
    };
    return boost::math::quadrature::gauss<double, 15>::integrate(slope, a, b);
  }
  if (a >= 0) return std::exp(-a * a / 2) / 2 * (erfcx(a / kRootTwo) - erfcx(b / kRootTwo));
  const double other =
      b >= 0 ? erfcx(b / kRootTwo) / 2 * std::exp(-a * a / 2) : normal_upper_tail(b) * std::exp((b - a) * (b + a) / 2);
  return normal_upper_tail(a) - other;
}

// log((e^loss - 1 + q) / q): the exponent (2x - 1) / (2 s^2) at which log r is `loss`.
double log_likelihood_exponent(double q, double loss) {
  if (loss > -0.5) return std::log1p(std::expm1(loss) / q);
  return q < 1 ? std::log(std::exp(loss) - (1 - q)) - std::log(q) : loss;
}

void check(double sampling_rate, double noise_multiplier, double epsilon) {
  validate(PoissonSampled{sampling_rate, Gaussian{noise_multiplier}});
  if (!(noise_multiplier > 0)) throw UsageError("[subsampled_gaussian_delta] noise_multiplier: 0; must be above 0");
  if (!std::isfinite(epsilon))
    throw UsageError(fmt::format("[subsampled_gaussian_delta] epsilon: {}; must be finite", epsilon));
}

}  // namespace

double subsampled_gaussian_delta(double sampling_rate, double noise_multiplier, double epsilon, Direction direction) {
  check(sampling_rate, noise_multiplier, epsilon);
  const double q = sampling_rate, s = noise_multiplier;
  const double nothing = std::max(0.0, -std::expm1(epsilon));  // of two equal distributions
  if (q == 0) return nothing;
  const double least_loss = std::log1p(-q);
  if (direction == Direction::remove) {
    if (q < 1 && epsilon <= least_loss) return nothing;
    const double x = 0.5 + s * s * log_likelihood_exponent(q, epsilon);  // where r = e^epsilon
    return q * mills_difference((x - 1) / s, x / s);
  }
  if (q < 1 && epsilon >= -least_loss) return 0;
  const double x = 0.5 + s * s * log_likelihood_exponent(q, -epsilon);  // where 1 / r = e^epsilon
  const double factor = q < 1 ? -std::expm1(epsilon + least_loss) : 1;  // 1 - e^epsilon (1 - q)
  return factor * mills_difference(-x / s, (1 - x) / s);
}

double subsampled_gaussian_delta_replace(double sampling_rate, double noise_multiplier, double epsilon) {
  check(sampling_rate, noise_multiplier, epsilon);
  const double q = sampling_rate, s = noise_multiplier;
  if (q == 0) return std::max(0.0, -std::expm1(epsilon));
  // w = e^(x / s^2) > 0 with q b w^2 - 2 p w - e^epsilon q b = 0, b = e^(-1/(2 s^2)): in logarithms and without
  // cancellation, p = (1 - q) expm1(epsilon) / 2.
  const double p = (1 - q) * std::expm1(epsilon) / 2;
  const double half = -0.5 / (s * s);
  const double product = std::exp(epsilon / 2 + half) * q;  // sqrt(e^epsilon) q b
  const double root = std::hypot(p, product);
  const double log_w =
      p > 0 ? std::log(p + root) - std::log(q) - half : epsilon + std::log(q) + half - std::log(root - p);
  const double x = s * s * log_w;
  const double ratio = std::exp(epsilon - (2 * x + 1) / (2 * s * s));  // e^epsilon phi((x + 1)/s) / phi(x / s)
  return q * mills_difference((x - 1) / s, x / s) + q * ratio * mills_difference(x / s, (x + 1) / s);
}

}  // namespace sotto::privacy
