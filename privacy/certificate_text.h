#pragma once
// Texts that the statement and the JSON of a certificate share.

#include <string>
#include <string_view>

namespace sotto::privacy::certificate_text {

inline constexpr std::string_view kStoppingCondition =
    "the stopping time did not depend on the data or on outputs of the run";

// Of a run that ended by itself.
inline constexpr std::string_view kStoppedByOutputs =
    "never: the stopping time depended on noisy outputs of the run; the planned figure holds";

// The smallest decimal with four places whose double is at least `value`; value finite and >= 0. Applying it to its own
// result changes nothing.
std::string rounded_up(double value);
// The same as a number.
double rounded_up_value(double value);

}  // namespace sotto::privacy::certificate_text
