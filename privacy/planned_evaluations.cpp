#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/planned_evaluations.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sotto::privacy {

void validate(const PlannedEvaluations& evaluations) {
  if (evaluations.count < 1 || evaluations.count > kMaxCount)
    throw UsageError(
        fmt::format("[PlannedEvaluations] bad count: {}; allowed is an integer from 1 to 2^53", evaluations.count));
  if (!(evaluations.noise_multiplier > 0) || !std::isfinite(evaluations.noise_multiplier))
    throw UsageError(fmt::format("[PlannedEvaluations] bad noise_multiplier: {}; allowed is a finite number > 0",
                                 evaluations.noise_multiplier));
}

StepEvent event_of(const PlannedEvaluations& evaluations) {
  return {1, Gaussian{evaluations.noise_multiplier}};
}

double metric_deviation(double noise_multiplier, std::int64_t dataset_size) {
  return std::numbers::sqrt2 * noise_multiplier / static_cast<double>(dataset_size);
}

double default_metric_noise(std::int64_t count, std::int64_t dataset_size) {
  return std::max(kDefaultMetricDeviation * static_cast<double>(dataset_size) / std::numbers::sqrt2,
                  kLeastJointMetricNoise * std::sqrt(static_cast<double>(count)));
}

std::int64_t evaluations_due(std::int64_t count, std::int64_t steps_charged, std::int64_t steps) {
  SOTTO_ASSERT(count >= 0 && steps >= 1 && steps_charged >= 0 && steps_charged <= steps);
  __extension__ using Wide = __int128;  // the product of two counts
  return static_cast<std::int64_t>(static_cast<Wide>(count) * steps_charged / steps);
}

}  // namespace sotto::privacy
