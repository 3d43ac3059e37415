#pragma once
// How many runs a private selection makes: the law of K (Papernot, Steinke, ICLR 2022, definition 1 and section 3.4).
//
//   TruncatedNegativeBinomial   k = 1, 2, ...: P[K = k] = (1 - gamma)^k / (gamma^-eta - 1)
//                                              * product over 0 <= l < k of (l + eta) / (l + 1);
//                               eta = 0: (1 - gamma)^k / (k log(1 / gamma)), the logarithmic law; eta = 1 geometric
//   PoissonRuns                 k = 0, 1, ...: P[K = k] = e^-mean mean^k / k!
//
// Ranges: eta finite, > -1; gamma in [kSmallestGamma, 1); mean in (0, kMostMeanRuns]. UsageError otherwise.

#include <sotto/privacy/random_stream.h>

#include <cstdint>
#include <limits>
#include <string>
#include <variant>

namespace sotto::privacy {

inline constexpr double kSmallestGamma = 1e-300;
inline constexpr double kMostMeanRuns = 1e6;

// Unset is NaN and refused.
struct TruncatedNegativeBinomial {
  double eta = std::numeric_limits<double>::quiet_NaN();
  double gamma = std::numeric_limits<double>::quiet_NaN();

  friend bool operator==(const TruncatedNegativeBinomial&, const TruncatedNegativeBinomial&) = default;
};
struct PoissonRuns {
  double mean = std::numeric_limits<double>::quiet_NaN();

  friend bool operator==(const PoissonRuns&, const PoissonRuns&) = default;
};
using SelectionRuns = std::variant<TruncatedNegativeBinomial, PoissonRuns>;

// Throws UsageError when a parameter is outside its range.
void validate(const SelectionRuns& runs);

// "the Poisson law with mean 10" or "the truncated negative binomial law with eta 0 and gamma 0.03", with all digits.
std::string to_text(const SelectionRuns& runs);

// E[K]: eta (1 - gamma) / (gamma (1 - gamma^eta)), its limit (1 / gamma - 1) / log(1 / gamma) for eta = 0; the mean of
// a Poisson law. Relative error below 1e-13.
double mean_runs(const SelectionRuns& runs);

// The law with that eta and mean > 1, to a relative 1e-9; UsageError where gamma would be outside its range.
TruncatedNegativeBinomial truncated_negative_binomial(double eta, double mean);

// One draw of K. By inversion of 256 random bits in arithmetic of 320 bits: the law differs from the stated one by less
// than 2^-200 in total variation. O(K). mean_runs at most kMostMeanRuns; UsageError otherwise.
// K is secret, as the key of the stream is: the bounds of private_selection.h hold only where it is never told.
std::int64_t draw_runs(const SelectionRuns& runs, RandomStream& stream);

}  // namespace sotto::privacy
