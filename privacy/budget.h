#pragma once
// A privacy budget: the pair that a guarantee is stated in.

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace sotto::privacy {

// epsilon: 1e-12 or more, finite. delta: 0 < delta < 1. Unset is NaN and refused.
struct PrivacyBudget {
  double epsilon = std::numeric_limits<double>::quiet_NaN();
  double delta = std::numeric_limits<double>::quiet_NaN();
};

// Below this an epsilon is lost in the rounding of the sums it comes from.
inline constexpr double kSmallestEpsilon = 1e-12;

// Throw UsageError when a value lies outside the range stated above.
void validate_epsilon(double epsilon);
void validate_delta(double delta);
void validate(const PrivacyBudget& budget);

// Sentences for the user about a guarantee that is allowed and doubtful: epsilon > 10, delta >= 1 / dataset_size (the
// declared size, where there is one). epsilon may be infinite here.
std::vector<std::string> budget_warnings(const PrivacyBudget& budget, std::optional<int64_t> dataset_size);

}  // namespace sotto::privacy
