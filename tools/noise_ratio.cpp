#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/noise_ratio.h>

#include <cmath>

namespace sotto::tools {
namespace {

void check_positive(const char* name, double value) {
  if (!std::isfinite(value) || value <= 0)
    throw UsageError(fmt::format("[noise_ratio] bad {}: {}; allowed is a finite number > 0", name, value));
}

}  // namespace

NoiseRatio noise_ratio(double noise_multiplier, double bound, double expected_batch_size, std::int64_t parameters) {
  check_positive("noise_multiplier", noise_multiplier);
  check_positive("bound", bound);
  check_positive("expected_batch_size", expected_batch_size);
  if (parameters < 0)
    throw UsageError(fmt::format("[noise_ratio] bad number of parameters: {}; allowed is 0 or more", parameters));
  const double root = std::sqrt(static_cast<double>(parameters));
  return {.deviation = noise_multiplier * bound / expected_batch_size,
          .norm = root * noise_multiplier * bound / expected_batch_size,
          .signal = bound,
          .ratio = root * noise_multiplier / expected_batch_size};
}

}  // namespace sotto::tools
