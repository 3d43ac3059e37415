#include <gtest/gtest.h>
#include <sotto/privacy/accountant.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/epsilon_curve.h>

#include <algorithm>

#include "report_sample.h"

namespace sotto::tools {
namespace {

using testing::certified;
using testing::sample_ledger;

privacy::Bracket bracket_after(const privacy::LedgerContents& ledger, std::int64_t step) {
  const privacy::Phases phases = {{ledger.header.event, step}};
  return privacy::certified_epsilon({ledger.header.adjacency, {}, phases}, ledger.header.delta).bracket;
}

TEST(EpsilonCurve, IsNowhereBelowTheLossAndCloseToIt) {
  const privacy::LedgerContents ledger = sample_ledger();
  for (const EpsilonPoint& point : epsilon_curve(ledger)) {
    const privacy::Bracket truth = bracket_after(ledger, point.step);
    EXPECT_GE(point.epsilon, truth.lower) << point.step;
    EXPECT_LE(point.epsilon, 1.03 * truth.upper) << point.step;
  }
}

TEST(EpsilonCurve, ChargedAndPlannedStepsHaveTheCertifiedFigures) {
  const privacy::LedgerContents ledger = sample_ledger(400);
  const std::vector<EpsilonPoint> curve = epsilon_curve(ledger);
  const auto charged = std::ranges::find(curve, 400, &EpsilonPoint::step);
  ASSERT_NE(charged, curve.end());
  EXPECT_EQ(charged->epsilon, certified(ledger, 400));
  EXPECT_EQ(curve.back().step, 1172);
  EXPECT_EQ(curve.back().epsilon, certified(ledger, 1172));
  for (const EpsilonPoint& point : curve) EXPECT_EQ(point.executed, point.step <= 400);
}

TEST(EpsilonCurve, NeverFallsAndIsShort) {
  for (const std::int64_t charged : {0, 1, 33, 400, 1171, 1172}) {
    const std::vector<EpsilonPoint> curve = epsilon_curve(sample_ledger(charged));
    EXPECT_LE(curve.size(), static_cast<std::size_t>(kEpsilonPoints) + 2);
    EXPECT_EQ(curve.front().step, 1);
    for (std::size_t i = 1; i < curve.size(); ++i) {
      EXPECT_GT(curve[i].step, curve[i - 1].step);
      EXPECT_GE(curve[i].epsilon, curve[i - 1].epsilon);
    }
  }
}

TEST(EpsilonCurve, FewStepsAreAllThere) {
  privacy::LedgerContents ledger = sample_ledger(2);
  ledger.header.steps = 5;
  const std::vector<EpsilonPoint> curve = epsilon_curve(ledger);
  ASSERT_EQ(curve.size(), 5u);
  for (std::size_t i = 0; i < curve.size(); ++i) EXPECT_EQ(curve[i].step, static_cast<std::int64_t>(i) + 1);
}

// Less noise in the second half costs more than the plan: what was charged counts, and not the header.
TEST(EpsilonCurve, TakesItsEventsFromTheLedger) {
  privacy::LedgerContents ledger = sample_ledger();
  const privacy::PoissonSampled louder{.sampling_rate = 2048.0 / 60000, .mechanism = {.noise_multiplier = 1.2}};
  ledger.spent = {{ledger.header.event, 586}, {louder, 586}};
  const std::vector<EpsilonPoint> curve = epsilon_curve(ledger);
  EXPECT_EQ(curve.back().epsilon,
            privacy::certified_epsilon({ledger.header.adjacency, {}, ledger.spent}, ledger.header.delta).bracket.upper);
  EXPECT_GT(curve.back().epsilon, 1.2 * certified(ledger, 1172));
  for (const EpsilonPoint& point : curve) {
    if (point.step > 586) break;
    EXPECT_LE(point.epsilon, 1.03 * bracket_after(ledger, point.step).upper) << point.step;
  }
}

TEST(EpsilonCurve, RefusesALedgerWithoutAdjacencyAndTooFewPoints) {
  privacy::LedgerContents ledger = sample_ledger();
  EXPECT_THROW(epsilon_curve(ledger, 1), UsageError);
  ledger.header.adjacency.reset();
  EXPECT_THROW(epsilon_curve(ledger), UsageError);
}

}  // namespace
}  // namespace sotto::tools
