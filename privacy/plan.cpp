#include <fmt/format.h>
#include <sotto/privacy/budget.h>
#include <sotto/privacy/calibration.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/plan.h>
#include <sotto/privacy/rdp_accountant.h>

#include <cmath>

namespace sotto::privacy {
namespace {

void validate_count(const char* name, int64_t value, int64_t largest, const char* allowed) {
  if (value < 1 || value > largest)
    throw UsageError(fmt::format("[PrivacyPlan] bad {}: {}; allowed is {}", name, value, allowed));
}

Adjacency checked_adjacency(const PrivacyPlanOptions& options) {
  if (!options.adjacency)
    throw UsageError("[PrivacyPlan] adjacency is not set; say which neighbours are meant: add_remove or zero_out");
  // Training clips to C and adds noise for sensitivity C: a record replaced moves the sum by 2 C.
  if (*options.adjacency != Adjacency::add_remove && *options.adjacency != Adjacency::zero_out)
    throw UsageError(fmt::format("[PrivacyPlan] unsupported adjacency: {}; available are add-remove and zero-out",
                                 to_string(*options.adjacency)));
  return *options.adjacency;
}

PoissonSampled checked_step(const PrivacyPlanOptions& options) {
  const Adjacency adjacency = checked_adjacency(options);
  validate_count("dataset_size", options.dataset_size, kMaxCount,
                 "the declared number of records, an integer from 1 to 2^53");
  validate_count("expected_batch_size", options.expected_batch_size, options.dataset_size,
                 "an integer from 1 to dataset_size");
  validate_count("steps", options.steps, kMaxCount, "an integer from 1 to 2^53");
  validate_delta(options.delta);
  if (options.epsilon.has_value() == options.noise_multiplier.has_value())
    throw UsageError(fmt::format("[PrivacyPlan] {} epsilon and noise_multiplier given; allowed is exactly one of them",
                                 options.epsilon ? "both" : "neither of"));
  const double rate = static_cast<double>(options.expected_batch_size) / static_cast<double>(options.dataset_size);
  if (options.epsilon) {
    const auto noise = smallest_noise_multiplier(adjacency, {.epsilon = *options.epsilon, .delta = options.delta}, rate,
                                                 options.steps);
    return {.sampling_rate = rate, .mechanism = {.noise_multiplier = noise.value}};
  }
  if (!std::isfinite(*options.noise_multiplier) || *options.noise_multiplier <= 0)
    throw UsageError(fmt::format("[PrivacyPlan] bad noise_multiplier: {}; allowed is a finite number > 0",
                                 *options.noise_multiplier));
  return {.sampling_rate = rate, .mechanism = {.noise_multiplier = *options.noise_multiplier}};
}

}  // namespace

PrivacyPlan::PrivacyPlan(const PrivacyPlanOptions& options)
    : adjacency_(checked_adjacency(options)),
      dataset_size_(options.dataset_size),
      expected_batch_size_(options.expected_batch_size),
      steps_(options.steps),
      delta_(options.delta),
      step_(checked_step(options)),
      epsilon_(RdpAccountant(adjacency_, Phases{Phase{step_, steps_}}).epsilon(delta_)) {
  SOTTO_ASSERT(!options.epsilon || epsilon_ <= *options.epsilon);
}

std::vector<std::string> PrivacyPlan::warnings() const {
  return budget_warnings({.epsilon = epsilon_, .delta = delta_}, dataset_size_);
}

}  // namespace sotto::privacy
