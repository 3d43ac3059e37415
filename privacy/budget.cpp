#include <fmt/format.h>
#include <sotto/privacy/budget.h>
#include <sotto/privacy/error.h>

#include <cmath>

namespace sotto::privacy {

void validate_epsilon(double epsilon) {
  if (!std::isfinite(epsilon) || epsilon < kSmallestEpsilon)
    throw UsageError(
        fmt::format("[PrivacyBudget] bad epsilon: {}; allowed is a finite number from {}", epsilon, kSmallestEpsilon));
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

std::vector<std::string> budget_warnings(const PrivacyBudget& budget, std::optional<int64_t> dataset_size) {
  constexpr double kDoubtfulEpsilon = 10;
  std::vector<std::string> sentences;
  if (dataset_size && budget.delta * static_cast<double>(*dataset_size) >= 1)
    sentences.push_back(fmt::format(
        "delta {} is not below 1 / dataset_size = {:.3g}: publishing one random record in full would satisfy it",
        budget.delta, 1 / static_cast<double>(*dataset_size)));
  if (budget.epsilon > kDoubtfulEpsilon)
    sentences.push_back(
        fmt::format("epsilon {:.4g} is above {}: the formal guarantee says little", budget.epsilon, kDoubtfulEpsilon));
  return sentences;
}

}  // namespace sotto::privacy
