#include <fmt/format.h>
#include <sotto/privacy/budget.h>
#include <sotto/privacy/error.h>

#include <cmath>

namespace sotto::privacy {

void validate_epsilon(double epsilon) {
  if (!std::isfinite(epsilon) || epsilon <= 0)
    throw UsageError(fmt::format("[PrivacyBudget] bad epsilon: {}; allowed is a finite number > 0", epsilon));
}

void validate_delta(double delta) {
  if (!(delta > 0 && delta < 1))
    throw UsageError(fmt::format(
        "[PrivacyBudget] bad delta: {}; allowed is 0 < delta < 1 (Gaussian noise gives no guarantee at delta = 0)",
        delta));
}

void validate(const PrivacyBudget& budget) {
  validate_epsilon(budget.epsilon);
  validate_delta(budget.delta);
}

}  // namespace sotto::privacy
