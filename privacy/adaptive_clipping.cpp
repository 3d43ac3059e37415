#include <fmt/format.h>
#include <sotto/privacy/adaptive_clipping.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/joint_gaussian.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace sotto::privacy {
namespace {

constexpr double kSensitivityOfCount = 0.5;  // of the bits, which are -1/2 or 1/2
constexpr double kUnit = std::numeric_limits<double>::epsilon();

void require_noise(const char* function, const char* name, double value) {
  if (!std::isfinite(value) || value <= 0)
    throw UsageError(fmt::format("[{}] bad {}: {}; allowed is a finite number > 0", function, name, value));
}

}  // namespace

double joint_noise_multiplier(double gradient_noise, double count_noise) {
  require_noise("joint_noise_multiplier", "gradient_noise", gradient_noise);
  require_noise("joint_noise_multiplier", "count_noise", count_noise);
  return joint_gaussian(Composed{{Gaussian{gradient_noise}, Gaussian{count_noise / kSensitivityOfCount}}})
      .noise_multiplier;
}

double gradient_noise_beside_count(double noise_multiplier, double count_noise) {
  constexpr const char* kFunction = "gradient_noise_beside_count";
  require_noise(kFunction, "noise_multiplier", noise_multiplier);
  require_noise(kFunction, "count_noise", count_noise);
  if (!(count_noise / kSensitivityOfCount >= kLeastCountNoise * noise_multiplier))
    throw UsageError(fmt::format(
        "[{}] bad count_noise: {}; beside a noise multiplier of {} allowed is at least {}: with less, the "
        "count alone would spend what both may",
        kFunction, count_noise, noise_multiplier, kLeastCountNoise * kSensitivityOfCount * noise_multiplier));
  const double ratio = noise_multiplier / (count_noise / kSensitivityOfCount);
  const double exact = noise_multiplier / std::sqrt((1 - ratio) * (1 + ratio));
  for (double units = 8;; units *= 2) {
    const double gradient_noise = exact * (1 + units * kUnit);
    if (joint_noise_multiplier(gradient_noise, count_noise) >= noise_multiplier)
      return gradient_noise * (1 + 8 * kUnit);
    SOTTO_ASSERT(units < 1e9);
  }
}

double default_count_noise(double noise_multiplier, std::int64_t expected_batch_size) {
  require_noise("default_count_noise", "noise_multiplier", noise_multiplier);
  if (expected_batch_size < 1)
    throw UsageError(fmt::format("[default_count_noise] bad expected_batch_size: {}; allowed is an integer >= 1",
                                 expected_batch_size));
  constexpr double kRecordsForOne = 20, kLeast = 2;
  return std::max(static_cast<double>(expected_batch_size) / kRecordsForOne, kLeast * noise_multiplier);
}

}  // namespace sotto::privacy
