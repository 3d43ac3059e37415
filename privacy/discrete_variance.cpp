#include <fmt/format.h>
#include <sotto/privacy/discrete_gaussian.h>
#include <sotto/privacy/discrete_variance.h>
#include <sotto/privacy/error.h>

#include <boost/multiprecision/cpp_int.hpp>
#include <cmath>
#include <limits>

namespace sotto::privacy {
namespace {

using boost::multiprecision::cpp_int;

void validate_square(const char* where, const char* name, std::uint64_t value) {
  if (value < 1 || value > DiscreteGaussian::kLargestVariance)
    throw UsageError(fmt::format("[{}] bad {}: {}; allowed is an integer from 1 to 2^62", where, name, value));
}

// value = digits * 2^exponent
struct Dyadic {
  explicit Dyadic(double value) {
    constexpr int kDigits = std::numeric_limits<double>::digits;
    digits = static_cast<std::uint64_t>(std::ldexp(std::frexp(value, &exponent), kDigits));
    exponent -= kDigits;
  }
  std::uint64_t digits;
  int exponent;
};

// ceil(noise^2 * square), at least 1; 0 < noise < 2^32.
cpp_int least_variance(double noise, std::uint64_t square) {
  const Dyadic dyadic(noise);
  const cpp_int product = cpp_int(dyadic.digits) * dyadic.digits * square;
  if (dyadic.exponent >= 0) return product << static_cast<unsigned>(2 * dyadic.exponent);
  const auto places = static_cast<unsigned>(-2 * dyadic.exponent);
  return (product + (cpp_int(1) << places) - 1) >> places;
}

}  // namespace

std::uint64_t smallest_discrete_variance(double noise_multiplier, std::uint64_t squared_norm) {
  constexpr const char* kHere = "smallest_discrete_variance";
  constexpr double kLargestNoise = 0x1p31;
  if (!(std::isfinite(noise_multiplier) && noise_multiplier > 0))
    throw UsageError(
        fmt::format("[{}] bad noise_multiplier: {}; allowed is a finite number > 0", kHere, noise_multiplier));
  validate_square(kHere, "squared_norm", squared_norm);
  if (noise_multiplier <= kLargestNoise) {
    const cpp_int variance = least_variance(noise_multiplier, squared_norm);
    if (variance <= DiscreteGaussian::kLargestVariance) return static_cast<std::uint64_t>(variance);
  }
  throw UsageError(
      fmt::format("[{}] noise_multiplier {} with squared_norm {} needs a variance above 2^62; allowed is "
                  "less noise or a smaller norm",
                  kHere, noise_multiplier, squared_norm));
}

double discrete_noise_multiplier(std::uint64_t variance, std::uint64_t squared_norm) {
  constexpr const char* kHere = "discrete_noise_multiplier";
  validate_square(kHere, "variance", variance);
  validate_square(kHere, "squared_norm", squared_norm);
  double noise = std::sqrt(static_cast<double>(variance) / static_cast<double>(squared_norm)) * (1 + 0x1p-50);
  while (least_variance(noise, squared_norm) > variance) noise = std::nextafter(noise, 0);
  return noise;
}

}  // namespace sotto::privacy
