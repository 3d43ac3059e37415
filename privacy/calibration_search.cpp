#include <sotto/privacy/calibration_search.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>
#include <utility>

namespace sotto::privacy {
namespace {

constexpr int kMaxSteps = 60;

// About half the log of epsilon / target where that is small, and never infinite.
double excess_of(double epsilon, double target) {
  return std::isfinite(epsilon) ? (epsilon - target) / (epsilon + target) : 1;
}

// How far to move on a logarithmic scale to bring the excess to zero, when epsilon goes like a power of the parameter
// near 1 to 2: a little beyond, growing from step to step.
double step_towards(double excess, int steps_taken) {
  constexpr double kLeast = 0.01, kMost = 0.7;
  return std::clamp(1.3 * std::abs(excess), kLeast, kMost) * std::pow(2, steps_taken);
}

// Along the secant of the logarithms, aimed at the middle of the slack. Leaves where it came to where it does not
// arrive.
std::optional<Edge<double>> near_edge(const RealSearch& search, double& start) {
  constexpr int kMostEvaluations = 7;
  constexpr double kFarthest = 0.7, kApart = 1e-2;  // a secant of closer points shows the epsilon's own roughness
  const double sign = search.falls ? -1 : 1, aim = search.target - search.slack / 2;
  double steepness = search.steepness, last = 0, last_excess = 0;
  for (int i = 0; i < kMostEvaluations; ++i) {
    const double here = std::log(start), epsilon = search.epsilon(start);
    if (epsilon <= search.target && search.target - epsilon < search.slack) return Edge<double>{start, epsilon};
    const double excess = std::log(epsilon / aim);
    if (!std::isfinite(excess)) break;
    if (i > 0 && std::abs(here - last) > kApart) {
      const double found = sign * (excess - last_excess) / (here - last);
      if (found > steepness / 4 && found < 4 * steepness) steepness = found;
    }
    last = here;
    last_excess = excess;
    const double next = here - sign * std::clamp(excess / steepness, -kFarthest, kFarthest);
    start = std::clamp(std::exp(next), search.least, search.most);
    if (start == search.least || start == search.most) break;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Edge<double>> find_edge(const RealSearch& search) {
  SOTTO_ASSERT(search.least <= search.start && search.start <= search.most);
  double start = search.start;
  if (search.steepness > 0 && search.slack > 0)
    if (const auto edge = near_edge(search, start)) return edge;
  const double to_good = search.falls ? 1 : -1;
  const double lowest = std::log(search.least), highest = std::log(search.most);
  const double good_end = search.falls ? highest : lowest, bad_end = search.falls ? lowest : highest;
  std::optional<Edge<double>> best;
  double best_log = 0;
  const auto value_at = [&](double log_value) {
    return log_value >= highest ? search.most : log_value <= lowest ? search.least : std::exp(log_value);
  };
  const auto excess = [&](double log_value) {
    const double value = value_at(log_value), epsilon = search.epsilon(value);
    if (epsilon <= search.target && (!best || (log_value - best_log) * to_good < 0)) {
      best = {value, epsilon};
      best_log = log_value;
    }
    return excess_of(epsilon, search.target);
  };

  double here = std::log(start), f_here = excess(here);
  double there = here, f_there = f_here;
  const double direction = f_here <= 0 ? -to_good : to_good, end = f_here <= 0 ? bad_end : good_end;
  for (int steps = 0; (f_there <= 0) == (f_here <= 0); ++steps) {
    if (there == end) return best;
    here = there;
    f_here = f_there;
    const double next = there + direction * step_towards(f_there, steps);
    there = steps > kMaxSteps || (next - end) * direction >= 0 ? end : next;
    f_there = excess(there);
  }
  if (here > there) {
    std::swap(here, there);
    std::swap(f_here, f_there);
  }
  std::uintmax_t iterations = kMaxSteps;
  const auto close_enough = [&](double a, double b) {
    return std::abs(a - b) < search.tolerance || (best && search.target - best->epsilon < search.slack);
  };
  boost::math::tools::toms748_solve(excess, here, there, f_here, f_there, close_enough, iterations);
  SOTTO_ASSERT(best);
  return best;
}

std::optional<Edge<int64_t>> find_edge(const CountSearch& search) {
  SOTTO_ASSERT(1 <= search.start && search.start <= search.most);
  std::optional<Edge<int64_t>> best;
  const auto excess = [&](int64_t count) {
    const double epsilon = search.epsilon(count);
    if (epsilon <= search.target && (!best || count > best->value)) best = {count, epsilon};
    return excess_of(epsilon, search.target);
  };
  int64_t good = 0, bad = search.most;
  double f_good = 0, f_bad = 0;
  int64_t count = search.start;
  double f = excess(count);
  for (int steps = 0;; ++steps) {
    if (f <= 0) {
      good = count;
      f_good = f;
      if (count == search.most) return best;
      if (f_bad > 0) break;
    } else {
      bad = count;
      f_bad = f;
      if (count == 1) return std::nullopt;
      if (good > 0) break;
    }
    // Epsilon grows at least like the root of the count, and mostly no faster than the count.
    const double factor = std::exp(2 * step_towards(f, steps)) + 1e-9;
    const double next = f <= 0 ? static_cast<double>(count) * factor + 1 : static_cast<double>(count) / factor - 1;
    count =
        next >= static_cast<double>(search.most) ? search.most : std::max<int64_t>(1, std::llround(std::floor(next)));
    f = excess(count);
  }
  // Regula falsi with halved weights (Illinois) between the logarithms; every third step halves the interval.
  int kept = 0;
  for (int steps = 1; bad - good > 1; ++steps) {
    const double log_good = std::log(static_cast<double>(good)), log_bad = std::log(static_cast<double>(bad));
    const double part = f_bad - f_good > 0 ? -f_good / (f_bad - f_good) : 0.5;
    int64_t middle = good + (bad - good) / 2;
    if (steps % 3 != 0) middle = std::llround(std::exp(log_good + part * (log_bad - log_good)));
    middle = std::clamp(middle, good + 1, bad - 1);
    f = excess(middle);
    if (f <= 0) {
      good = middle;
      f_good = f;
      if (kept > 0) f_bad /= 2;
      kept = 1;
    } else {
      bad = middle;
      f_bad = f;
      if (kept < 0) f_good /= 2;
      kept = -1;
    }
  }
  SOTTO_ASSERT(best && best->value == good);
  return best;
}

}  // namespace sotto::privacy
