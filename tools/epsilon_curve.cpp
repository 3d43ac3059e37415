#include <fmt/format.h>
#include <sotto/privacy/accountant.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/epsilon_curve.h>

#include <algorithm>
#include <cmath>

namespace sotto::tools {
namespace {

// Wide enough to be quick, and narrower than the line of a picture.
constexpr privacy::Precision kPictured{.absolute = 1e-2, .relative = 2e-2};
// Of one record, from which on the contour integral is quicker than the PLD.
constexpr double kManyDraws = 30;
// Below this an answer of the PLD may take a second.
constexpr double kSlowRate = 1e-4;

using privacy::Phase;
using privacy::Phases;

// Releases one after the other, of which evaluations come between two steps.
struct Part {
  Phase phase;
  bool is_evaluation = false;
};

void add(Phases& phases, const privacy::StepEvent& event, std::int64_t count) {
  if (count == 0) return;
  if (!phases.empty() && privacy::same_parameters(phases.back().event, event))
    phases.back().count += count;
  else
    phases.push_back({event, count});
}

// With the evaluations up to the step after them.
Phases first_steps(const std::vector<Part>& parts, std::int64_t steps) {
  Phases result;
  for (const Part& part : parts) {
    const std::int64_t taken = part.is_evaluation ? part.phase.count : std::min(part.phase.count, steps);
    add(result, part.phase.event, taken);
    if (part.is_evaluation) continue;
    steps -= taken;
    if (taken < part.phase.count) break;
  }
  return result;
}

// All that was charged, and then what is planned beside it. An evaluation that cannot be told from a step, or whose
// place is not known yet, counts as early as it may have been or may be: the bounds hold.
std::vector<Part> parts_of(const privacy::LedgerContents& ledger, std::int64_t steps_to_come) {
  const std::optional<privacy::PlannedEvaluations>& planned = ledger.header.evaluations;
  std::vector<Part> parts;
  std::int64_t untold = ledger.evaluations_charged;
  for (const Phase& phase : ledger.spent) {
    const bool same = planned && same_parameters(phase.event, event_of(*planned));
    const std::int64_t evaluations = same ? std::min(untold, phase.count) : 0;
    if (evaluations > 0) parts.push_back({{phase.event, evaluations}, true});
    if (phase.count > evaluations) parts.push_back({{phase.event, phase.count - evaluations}, false});
    untold -= evaluations;
  }
  if (steps_to_come > 0) parts.push_back({{ledger.header.event, 1}, false});
  if (planned && planned->count > ledger.evaluations_charged)
    parts.push_back({{event_of(*planned), planned->count - ledger.evaluations_charged}, true});
  if (steps_to_come > 1) parts.push_back({{ledger.header.event, steps_to_come - 1}, false});
  return parts;
}

std::vector<std::int64_t> chosen_steps(std::int64_t last, std::int64_t charged, std::int64_t most) {
  std::vector<std::int64_t> steps;
  if (last <= most) {
    for (std::int64_t step = 1; step <= last; ++step) steps.push_back(step);
    return steps;
  }
  for (std::int64_t i = 1; i <= most; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(most);
    steps.push_back(std::clamp<std::int64_t>(std::llround(share * share * static_cast<double>(last)), 1, last));
  }
  for (const std::int64_t step : {std::int64_t{1}, charged, last})
    if (step > 0) steps.push_back(step);
  std::ranges::sort(steps);
  steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
  return steps;
}

double expected_draws(const Phases& phases) {
  double draws = 0;
  for (const Phase& phase : phases) draws += phase.event.sampling_rate * static_cast<double>(phase.count);
  return draws;
}

double quick_bound(const privacy::AccountedEvents& run, double draws, double delta) {
  using privacy::Method;
  for (const Method method : {Method::contour, Method::pld}) {
    if (method == Method::contour && draws < kManyDraws) continue;
    try {
      return privacy::make_accountant(method, run, kPictured)->epsilon(delta).upper;
    } catch (const UsageError&) {
      continue;
    }
  }
  return privacy::make_accountant(Method::rdp, run)->epsilon(delta).upper;
}

}  // namespace

std::vector<EpsilonPoint> epsilon_curve(const privacy::LedgerContents& ledger, std::int64_t most_points) {
  if (most_points < 2)
    throw UsageError(fmt::format("[epsilon_curve] bad number of points: {}; at least 2 are allowed", most_points));
  const std::int64_t charged = ledger.steps_charged();
  const std::int64_t last = std::max(charged, ledger.header.steps);
  const std::vector<Part> all = parts_of(ledger, last - charged);

  std::vector<EpsilonPoint> curve;
  if (last == 0) return curve;
  const auto run = [&](std::int64_t step) {
    return privacy::AccountedEvents{ledger.header.adjacency, {}, first_steps(all, step)};
  };
  const double whole = privacy::certified_epsilon(run(last), ledger.header.delta).bracket.upper;
  if (std::ranges::any_of(all, [](const Part& part) { return part.phase.event.sampling_rate < kSlowRate; }))
    most_points = std::min(most_points, kFewEpsilonPoints);
  for (const std::int64_t step : chosen_steps(last, charged, most_points)) {
    double epsilon = whole;
    if (step == charged && step != last)
      epsilon = privacy::certified_epsilon(run(step), ledger.header.delta).bracket.upper;
    else if (step != last)
      epsilon = quick_bound(run(step), expected_draws(first_steps(all, step)), ledger.header.delta);
    curve.push_back({.step = step, .epsilon = epsilon, .executed = step <= charged});
  }
  double later = curve.back().epsilon, figure = 0;
  for (auto at = curve.rbegin(); at != curve.rend(); ++at) {
    EpsilonPoint& point = *at;
    point.epsilon = std::min(point.epsilon, point.step == charged ? curve.back().epsilon : later);
    later = point.epsilon;
    if (point.step == charged) figure = point.epsilon;
  }
  for (EpsilonPoint& point : curve)
    if (point.step > charged) point.epsilon = std::max(point.epsilon, figure);
  return curve;
}

}  // namespace sotto::tools
