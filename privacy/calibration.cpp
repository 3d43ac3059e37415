#include <fmt/format.h>
#include <sotto/privacy/analytic_gaussian.h>
#include <sotto/privacy/calibration.h>
#include <sotto/privacy/calibration_search.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

namespace sotto::privacy {
namespace {

constexpr double kLeastNoise = 1e-6, kMostNoise = 1e60, kLeastRate = 1e-300;

void check(const CalibrationTarget& target) {
  validate_epsilon(target.budget.epsilon);
  if (target.budget.delta != 0) validate_delta(target.budget.delta);
}

double upper_epsilon(const CalibrationTarget& target, const AccountedEvents& events) {
  return make_accountant(target.method, events, target.precision)->epsilon(target.budget.delta).upper;
}

// Finer than the accountant's own precision there is nothing to find: how much of epsilon may be left over, relative to
// it. Nothing for the accountants that cost next to nothing.
double relative_slack(const CalibrationTarget& target) {
  if (target.method == Method::rdp || target.method == Method::gaussian) return 0;
  return std::min({target.precision.absolute / target.budget.epsilon, target.precision.relative, 1e-3}) / 5;
}
double tolerance(const CalibrationTarget& target) {
  return std::max(relative_slack(target) / 2, 1e-9);
}

// Nearer to the edge by brackets that are wider than asked, whose middle is near the upper end of narrow ones.
void approach(const CalibrationTarget& target, RealSearch& search, const RunFamily<double>& run) {
  constexpr double kWider = 10, kNear = 0.02;
  const Precision rough{kWider * target.precision.absolute, kWider * target.precision.relative};
  double last = 0, last_excess = 0;
  for (int i = 0; i < 3; ++i) {
    const Bracket found = make_accountant(target.method, run(search.start), rough)->epsilon(target.budget.delta);
    const double here = std::log(search.start);
    const double excess = std::log((found.lower + found.upper) / 2 / (target.budget.epsilon - search.slack / 2));
    if (!std::isfinite(excess)) return;
    if (i > 0 && here != last)
      search.steepness = std::clamp(std::abs((excess - last_excess) / (here - last)), 0.3, 30.0);
    last = here;
    last_excess = excess;
    const double move = std::clamp(excess / search.steepness, -0.7, 0.7);
    search.start = std::clamp(std::exp(here + (search.falls ? move : -move)), search.least, search.most);
    if (std::abs(excess) < kNear) return;
  }
}

// A start for a costly accountant from the one that costs next to nothing: `part` of the RDP accountant's edge, towards
// which others mostly lie, with the steepness there.
constexpr double kUsualPart = 0.94;
void inform(const CalibrationTarget& target, RealSearch& search, const RunFamily<double>& run, double part) {
  if (target.method == Method::rdp || target.method == Method::gaussian ||
      why_unsupported(Method::rdp, run(search.start)))
    return;
  RealSearch quick = search;
  quick.epsilon = [&, by_rdp = CalibrationTarget{target.budget, Method::rdp}](double value) {
    return upper_epsilon(by_rdp, run(value));
  };
  quick.tolerance = quick.slack = 1e-3;
  const auto edge = find_edge(quick);
  if (!edge) return;
  search.start = std::clamp(part * edge->value, search.least, search.most);
  const double beside = quick.epsilon(search.start);
  const double steepness = std::log(beside / edge->epsilon) / std::log(search.start / edge->value);
  if (!std::isfinite(steepness)) return;
  search.steepness = std::clamp(std::abs(steepness), 0.3, 30.0);
  if (target.method == Method::pld) approach(target, search, run);
}

// Where the RDP accountant, which costs next to nothing and is rarely more than a third off, puts the edge.
int64_t informed_start(const CalibrationTarget& target, CountSearch search, const RunFamily<int64_t>& run,
                       int64_t start) {
  if (target.method == Method::rdp || why_unsupported(Method::rdp, run(start))) return start;
  search.epsilon = [&, quick = CalibrationTarget{target.budget, Method::rdp}](int64_t value) {
    return upper_epsilon(quick, run(value));
  };
  const auto edge = find_edge(search);
  return edge ? edge->value : start;
}

std::string described(const PrivacyBudget& budget) {
  return fmt::format("epsilon {} at delta {}", budget.epsilon, budget.delta);
}

// What the end of the range that should be good gives, and why.
[[noreturn]] void infeasible(std::string_view where, const CalibrationTarget& target, std::string_view end,
                             double epsilon) {
  const std::string_view reason =
      target.budget.delta == 0 && std::isinf(epsilon)
          ? "normal noise and sampled releases have no guarantee at delta = 0; raise delta"
          : "no value meets it: raise epsilon or delta, or change what else the run releases";
  throw UsageError(fmt::format("[{}] infeasible budget: {}; even {} has epsilon {:.6g} by method {}: {}", where,
                               described(target.budget), end, epsilon, to_string(target.method), reason));
}

// The edge was judged by an accountant made for it alone: asking again gives the same epsilon.
template <typename Value>
Calibration<Value> within(const CalibrationTarget& target, const Edge<Value>& edge) {
  SOTTO_ASSERT(edge.epsilon <= target.budget.epsilon);
  return {.value = edge.value, .epsilon = edge.epsilon, .slack = target.budget.epsilon - edge.epsilon};
}

Calibration<int64_t> largest_count(std::string_view where, std::string_view unit, const CalibrationTarget& target,
                                   const RunFamily<int64_t>& run, int64_t most) {
  check(target);
  if (most < 1 || most > kMaxCount)
    throw UsageError(fmt::format("[{}] bad limit: {}; allowed is an integer from 1 to 2^53", where, most));
  CountSearch search{.epsilon = [&](int64_t count) { return upper_epsilon(target, run(count)); },
                     .target = target.budget.epsilon,
                     .start = 1,
                     .most = most};
  search.start = informed_start(target, search, run, 1);
  const auto edge = find_edge(search);
  if (!edge) {
    const double one = search.epsilon(1);
    if (std::isinf(one)) infeasible(where, target, fmt::format("one {}", unit), one);
    throw UsageError(
        fmt::format("[{}] budget too small for one {}: one {} has epsilon {:.6g} at delta {}, the budget is {}; raise "
                    "the noise multiplier, lower the sampling rate or raise the budget",
                    where, unit, unit, one, target.budget.delta, target.budget.epsilon));
  }
  return within(target, *edge);
}

}  // namespace

Calibration<double> smallest_noise_multiplier(const CalibrationTarget& target, const RunFamily<double>& run) {
  check(target);
  // One unsampled release would need this much.
  const double start =
      target.budget.delta > 0 ? gaussian_noise_multiplier(target.budget.epsilon, target.budget.delta) : 1;
  RealSearch search{.epsilon = [&](double noise) { return upper_epsilon(target, run(noise)); },
                    .target = target.budget.epsilon,
                    .falls = true,
                    .start = std::clamp(start, kLeastNoise, kMostNoise),
                    .least = kLeastNoise,
                    .most = kMostNoise,
                    .tolerance = tolerance(target),
                    .slack = relative_slack(target) * target.budget.epsilon};
  inform(target, search, run, kUsualPart);
  const auto edge = find_edge(search);
  if (!edge)
    infeasible("smallest_noise_multiplier", target, fmt::format("noise multiplier {}", kMostNoise),
               search.epsilon(kMostNoise));
  return within(target, *edge);
}

Calibration<double> largest_sampling_rate(const CalibrationTarget& target, const RunFamily<double>& run) {
  check(target);
  RealSearch search{.epsilon = [&](double rate) { return upper_epsilon(target, run(rate)); },
                    .target = target.budget.epsilon,
                    .falls = false,
                    .start = 1,
                    .least = kLeastRate,
                    .most = 1,
                    .tolerance = tolerance(target),
                    .slack = relative_slack(target) * target.budget.epsilon};
  inform(target, search, run, 1 / kUsualPart);
  const auto edge = find_edge(search);
  if (!edge)
    infeasible("largest_sampling_rate", target, fmt::format("sampling rate {}", kLeastRate),
               search.epsilon(kLeastRate));
  return within(target, *edge);
}

Calibration<int64_t> largest_steps(const CalibrationTarget& target, const RunFamily<int64_t>& run) {
  return largest_count("largest_steps", "step", target, run, kMaxCount);
}

Calibration<int64_t> largest_epochs(const CalibrationTarget& target, const RunFamily<int64_t>& run) {
  return largest_count("largest_epochs", "epoch", target, run, kMaxCount);
}

Calibration<int64_t> largest_batch_size(const CalibrationTarget& target, const RunFamily<int64_t>& run,
                                        int64_t dataset_size) {
  return largest_count("largest_batch_size", "record per batch", target, run, dataset_size);
}

Calibration<double> smallest_delta(double epsilon, Method method, const AccountedEvents& events,
                                   const Precision& precision) {
  if (!(epsilon >= 0 && std::isfinite(epsilon)))
    throw UsageError(fmt::format("[smallest_delta] bad epsilon: {}; allowed is a finite number >= 0", epsilon));
  const auto accountant = make_accountant(method, events, precision);
  double delta = accountant->delta(epsilon).upper;
  // The two inverse queries may disagree by their width: delta is raised until epsilon agrees.
  for (double raise = 1e-12; delta < 1 && raise < 1e3; raise *= 4) {
    const double found = accountant->epsilon(delta).upper;
    if (found <= epsilon) return {.value = delta, .epsilon = found, .slack = epsilon - found};
    delta = std::max(delta * (1 + raise), std::numeric_limits<double>::min());
  }
  throw UsageError(
      fmt::format("[smallest_delta] infeasible: no delta below 1 gives epsilon {} by method {}; raise epsilon or the "
                  "noise",
                  epsilon, to_string(method)));
}

}  // namespace sotto::privacy
