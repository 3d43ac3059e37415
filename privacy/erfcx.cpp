#include <sotto/privacy/erfcx.h>

#include <boost/math/constants/constants.hpp>
#include <cmath>

namespace sotto::privacy {
namespace {

// From here on the trapezoidal rule for (2x/pi) int_0^inf e^(-t^2)/(x^2 + t^2) dt with step 1/3 has error e^(-2 pi x /
// step).
constexpr double kIntegralFrom = 2;
constexpr double kStep = 1.0 / 3;
constexpr int kNodes = 19;

}  // namespace

double erfcx(double x) {
  if (x < kIntegralFrom) return std::exp(x * x) * std::erfc(x);
  double sum = 0.5 / x;
  for (int k = kNodes; k >= 1; --k) {
    const double t = k * kStep;
    sum += std::exp(-t * t) / (x + t * (t / x));
  }
  return sum * 2 * kStep / boost::math::constants::pi<double>();
}

double negative_erfcx_derivative(double x) {
  const double two_over_root_pi = 2 / std::sqrt(boost::math::constants::pi<double>());
  if (x < kIntegralFrom) return two_over_root_pi - 2 * x * erfcx(x);
  double sum = 0;
  for (int k = kNodes; k >= 1; --k) {
    const double t_over_x = k * kStep / x;
    sum += std::exp(-(k * kStep) * (k * kStep)) * (t_over_x * t_over_x) / (1 + t_over_x * t_over_x);
  }
  return sum * 2 * kStep * two_over_root_pi / std::sqrt(boost::math::constants::pi<double>());
}

double normal_upper_tail(double x) {
  return std::erfc(x / boost::math::constants::root_two<double>()) / 2;
}

}  // namespace sotto::privacy
