#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/private_selection.h>
#include <sotto/privacy/rdp_accountant.h>
#include <sotto/privacy/selection_calibration.h>

#include <cmath>
#include <limits>

namespace sotto::privacy {
namespace {

constexpr SelectedRun kRun{Adjacency::add_remove, 0.02, 300};

double one_run(const SelectedRun& run, double noise, double delta) {
  return RdpAccountant(run.adjacency, Phases{{{run.sampling_rate, {noise}}, run.steps}}).epsilon(delta);
}

TEST(SelectionCalibration, NeverExceedsTheBudgetAndIsTight) {
  for (const SelectionRuns& runs :
       {SelectionRuns(PoissonRuns{1}), SelectionRuns(PoissonRuns{12}),
        SelectionRuns(TruncatedNegativeBinomial{0, 0.03}), SelectionRuns(TruncatedNegativeBinomial{1, 0.1}),
        SelectionRuns(TruncatedNegativeBinomial{-0.5, 0.01})})
    for (const double epsilon : {0.5, 3.0, 8.0}) {
      const auto found = smallest_noise_multiplier(runs, {.epsilon = epsilon, .delta = 1e-5}, kRun);
      const auto bound = [&](double noise) {
        return PrivateSelection(runs,
                                AccountedEvents{kRun.adjacency, {}, SelfComposed(PoissonSampled{0.02, {noise}}, 300)})
            .epsilon(1e-5);
      };
      EXPECT_LE(bound(found.value), epsilon) << to_text(runs);
      EXPECT_EQ(bound(found.value), found.epsilon) << "what is reported is what was evaluated";
      EXPECT_GT(bound(found.value * (1 - 1e-5)), epsilon) << to_text(runs) << ": less noise would do";
    }
}

// As gamma goes to 1 there is one run, and as eta goes to -1 nothing is paid for it: the bound is that of the run.
TEST(SelectionCalibration, OfOneRunIsTheRunItself) {
  const TruncatedNegativeBinomial one{-1 + 1e-9, 1 - 1e-9};
  for (const double epsilon : {0.3, 2.0}) {
    const auto alone =
        smallest_noise_multiplier(kRun.adjacency, {.epsilon = epsilon, .delta = 1e-6}, kRun.sampling_rate, kRun.steps);
    const auto best = smallest_noise_multiplier(one, {.epsilon = epsilon, .delta = 1e-6}, kRun);
    EXPECT_NEAR(best.value, alone.value, 1e-5 * alone.value);
    EXPECT_NEAR(selection_epsilon(one, kRun.adjacency, {{{0.02, {alone.value}}, 300}}, 1e-6),
                one_run(kRun, alone.value, 1e-6), 1e-6);
  }
}

// Theorem 2 with plain Gaussian releases, whose curve is order * rho, minimised by hand over a grid of both orders.
TEST(SelectionCalibration, AgreesWithTheoremTwoOnAGrid) {
  const TruncatedNegativeBinomial law{1, 0.05};
  const double delta = 1e-6, noise = 3, rho = 1 / (2 * noise * noise);
  double least = std::numeric_limits<double>::infinity();
  for (double order = 1.01; order < 300; order *= 1.002)
    for (double c = 1; c < 3000; c *= 1.01) {
      const double whole = order * rho + 2 * ((1 - 1 / c) * c * rho + std::log(1 / law.gamma) / c) +
                           std::log(mean_runs(law)) / (order - 1);
      least = std::min(least, whole + std::log(1 / delta) / (order - 1));
    }
  const double found = selection_epsilon(law, Adjacency::add_remove, {{{1, {noise}}, 1}}, delta);
  EXPECT_LE(found, least);
  EXPECT_GT(found, 0.9 * least);  // a better conversion than the one above
}

TEST(SelectionCalibration, MoreRunsNeedMoreNoise) {
  double before = 0;
  for (const double mean : {1.0, 4.0, 16.0, 64.0}) {
    const double noise = smallest_noise_multiplier(PoissonRuns{mean}, {.epsilon = 2, .delta = 1e-5}, kRun).value;
    EXPECT_GT(noise, before);
    before = noise;
  }
}

TEST(SelectionCalibration, RefusesWhatCannotBe) {
  const PrivacyBudget budget{.epsilon = 1, .delta = 1e-5};
  EXPECT_THROW(smallest_noise_multiplier(PoissonRuns{}, budget, kRun), UsageError);
  EXPECT_THROW(smallest_noise_multiplier(PoissonRuns{4}, {.epsilon = 1}, kRun), UsageError);
  EXPECT_THROW(smallest_noise_multiplier(PoissonRuns{4}, {.epsilon = 0, .delta = 1e-5}, kRun), UsageError);
  EXPECT_THROW(smallest_noise_multiplier(PoissonRuns{4}, budget, {Adjacency::add_remove, 0, 10}), UsageError);
  EXPECT_THROW(smallest_noise_multiplier(PoissonRuns{4}, budget, {Adjacency::add_remove, 0.1, 0}), UsageError);
}

}  // namespace
}  // namespace sotto::privacy
