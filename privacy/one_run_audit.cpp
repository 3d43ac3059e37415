#include <fmt/format.h>
#include <sotto/privacy/binomial_limits.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/one_run_audit.h>

#include <algorithm>
#include <boost/math/special_functions/beta.hpp>
#include <cmath>
#include <limits>

namespace sotto::privacy {
namespace {

constexpr double kRound = 4 * std::numeric_limits<double>::epsilon();

void check(const char* where, const OneRunCounts& counts, double delta) {
  if (counts.canaries < 1 || counts.canaries > kMostTrials)
    throw UsageError(
        fmt::format("[{}] bad number of canaries: {}; allowed is 1 to {}", where, counts.canaries, kMostTrials));
  if (counts.guesses < 0 || counts.guesses > counts.canaries)
    throw UsageError(fmt::format("[{}] bad number of guesses: {}; allowed is 0 to that of the canaries, {}", where,
                                 counts.guesses, counts.canaries));
  if (counts.correct < 0 || counts.correct > counts.guesses)
    throw UsageError(fmt::format("[{}] bad number of correct guesses: {}; allowed is 0 to that of the guesses, {}",
                                 where, counts.correct, counts.guesses));
  if (!(delta >= 0 && delta < 1))
    throw UsageError(fmt::format("[{}] bad delta: {}; allowed is 0 <= delta < 1", where, delta));
}

void check_epsilon(const char* where, double epsilon) {
  if (!(epsilon >= 0 && std::isfinite(epsilon)))
    throw UsageError(fmt::format("[{}] bad epsilon: {}; allowed is a finite number >= 0", where, epsilon));
}

double failure_probability(double epsilon) {
  return std::exp(-epsilon) / (1 + std::exp(-epsilon));
}

// An upper bound of P[Bin(r, q) >= v] / P[Bin(r, q) = v], or anything above `enough` when it is above that.
double inverse_hazard(double guesses, double correct, double odds, double enough) {
  double term = 1, sum = 1;
  for (double k = correct; k < guesses; ++k) {
    const double ratio = (guesses - k) / (k + 1) * odds;
    term *= ratio;
    sum += term;
    if (sum > enough) return sum;
    // Ratios fall, so that what is left out is below a geometric series.
    if (ratio < 1 && term * ratio < (1 - ratio) * sum * kRound) return sum * (1 + kRound);
  }
  return sum;
}

double p_value(const OneRunCounts& counts, double epsilon, double delta) {
  if (counts.correct == 0) return 1;
  const double failure = failure_probability(epsilon) * (1 - kRound);
  const double tail = binomial_upper_tail(counts.guesses, counts.correct, failure);
  if (delta == 0) return tail;
  const auto guesses = static_cast<double>(counts.guesses), correct = static_cast<double>(counts.correct);
  const double scale = static_cast<double>(counts.canaries) * delta / correct;
  const double hazard = inverse_hazard(guesses, correct, std::exp(epsilon) * (1 + kRound), 1 / scale);
  // Every term of the hazard is off by a few roundings for each factor it has.
  const double share = std::min(1.0, scale * hazard * (1 + (guesses - correct + 4) * kRound));
  return std::min(1.0, (tail + (1 - tail) * share) * (1 + kRound));
}

}  // namespace

double one_run_p_value(const OneRunCounts& counts, double epsilon, double delta) {
  check("one_run_p_value", counts, delta);
  check_epsilon("one_run_p_value", epsilon);
  return p_value(counts, epsilon, delta);
}

double one_run_epsilon_lower(const OneRunCounts& counts, double delta, double beta) {
  check("one_run_epsilon_lower", counts, delta);
  if (!(beta > 0 && beta < 1))
    throw UsageError(fmt::format("[one_run_epsilon_lower] bad beta: {}; allowed is a number between 0 and 1", beta));
  const auto rejected = [&](double epsilon) { return p_value(counts, epsilon, delta) <= beta; };
  if (!rejected(0)) return 0;
  constexpr double kLargest = 700;
  constexpr int kMostBisections = 60;
  double low = 0, high = 1;
  while (high < kLargest && rejected(high)) {
    low = high;
    high *= 2;
  }
  for (int i = 0; i < kMostBisections && high - low > 1e-12 * high; ++i) {
    const double middle = low + (high - low) / 2;
    (rejected(middle) ? low : high) = middle;
  }
  return low;
}

double published_one_run_p_value(const OneRunCounts& counts, double epsilon, double delta) {
  check("published_one_run_p_value", counts, delta);
  check_epsilon("published_one_run_p_value", epsilon);
  if (counts.correct == 0) return 1;
  const double failure = failure_probability(epsilon);
  const double tail = binomial_upper_tail(counts.guesses, counts.correct, failure);
  const auto guesses = static_cast<double>(counts.guesses);
  double sum = 0, steepest = 0;
  for (double i = 1; i <= static_cast<double>(counts.correct); ++i) {
    const double k = static_cast<double>(counts.correct) - i;
    sum += boost::math::ibeta_derivative(guesses - k + 1, k + 1, failure) / (guesses + 1);
    steepest = std::max(steepest, sum / i);
  }
  return std::min(1.0, tail + 2 * static_cast<double>(counts.canaries) * delta * steepest);
}

}  // namespace sotto::privacy
