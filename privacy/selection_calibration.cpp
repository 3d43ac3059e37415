#include <fmt/format.h>
#include <sotto/privacy/calibration_search.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/private_selection.h>
#include <sotto/privacy/selection_calibration.h>

#include <algorithm>

namespace sotto::privacy {
namespace {

constexpr double kSelectionTolerance = 1e-7;
constexpr double kMostSelectionNoise = 1e60;

}  // namespace

double selection_epsilon(const SelectionRuns& runs, Adjacency adjacency, const Phases& releases, double delta) {
  return PrivateSelection(runs, AccountedEvents{adjacency, {}, Event(releases)}).epsilon(delta);
}

Calibration<double> smallest_noise_multiplier(const SelectionRuns& runs, const PrivacyBudget& budget,
                                              const SelectedRun& run) {
  validate(runs);
  // The best of all runs is no less private than one of them, up to a hair; the search goes either way.
  const double alone = smallest_noise_multiplier(run.adjacency, budget, run.sampling_rate, run.steps).value;
  const auto epsilon_at = [&](double noise) {
    return selection_epsilon(runs, run.adjacency, {{{run.sampling_rate, {noise}}, run.steps}}, budget.delta);
  };
  const auto edge = find_edge(RealSearch{.epsilon = epsilon_at,
                                         .target = budget.epsilon,
                                         .falls = true,
                                         .start = std::min(alone, kMostSelectionNoise),
                                         .least = std::min(alone, kMostSelectionNoise) / 2,
                                         .most = kMostSelectionNoise,
                                         .tolerance = kSelectionTolerance});
  if (!edge)
    throw UsageError(
        fmt::format("[smallest_noise_multiplier] infeasible budget: epsilon {} at delta {} for the best of a number of "
                    "runs from {}; allowed are larger ones, or fewer runs",
                    budget.epsilon, budget.delta, to_text(runs)));
  return {.value = edge->value, .epsilon = edge->epsilon, .slack = budget.epsilon - edge->epsilon};
}

}  // namespace sotto::privacy
