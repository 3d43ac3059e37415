#pragma once
// A privacy budget: the pair that a guarantee is stated in.

#include <limits>

namespace sotto::privacy {

// epsilon: finite, > 0. delta: 0 < delta < 1. Unset is NaN and refused.
struct PrivacyBudget {
  double epsilon = std::numeric_limits<double>::quiet_NaN();
  double delta = std::numeric_limits<double>::quiet_NaN();
};

// Throw UsageError when a value lies outside the range stated above.
void validate_epsilon(double epsilon);
void validate_delta(double delta);
void validate(const PrivacyBudget& budget);

}  // namespace sotto::privacy
