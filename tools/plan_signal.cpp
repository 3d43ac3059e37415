#include <sotto/privacy/analytic_gaussian.h>
#include <sotto/tools/plan_signal.h>

#include <cmath>

namespace sotto::tools {
namespace {

double root(int64_t count) {
  return std::sqrt(static_cast<double>(count));
}

}  // namespace

double coordinate_noise(const ReleaseSettings& settings, double bound) {
  return settings.noise_multiplier * bound / static_cast<double>(settings.batch);
}

double noise_norm(const ReleaseSettings& settings, double bound) {
  return coordinate_noise(settings, bound) * root(settings.parameters);
}

double step_signal_to_noise(const ReleaseSettings& settings) {
  return 1 / noise_norm(settings, 1);
}

double run_signal_to_noise(const ReleaseSettings& settings) {
  return root(settings.steps) * step_signal_to_noise(settings);
}

double full_batch_signal_to_noise(const privacy::PrivacyBudget& budget, int64_t dataset_size, int64_t parameters) {
  privacy::validate(budget);
  const double noise = privacy::gaussian_noise_multiplier(budget.epsilon, budget.delta);
  return step_signal_to_noise({.noise_multiplier = noise, .batch = dataset_size, .steps = 1, .parameters = parameters});
}

}  // namespace sotto::tools
