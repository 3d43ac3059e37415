#include <gtest/gtest.h>
#include <sotto/optim/use_planner.h>

#include <cstdint>
#include <numeric>

namespace sotto::optim {
namespace {

constexpr int64_t kPlanned = 16;
constexpr int64_t kBytes = 4;
constexpr int64_t kPlenty = INT64_MAX;

UseToPlan product(int64_t positions, int64_t rows, int64_t columns) {
  return {{.elements = rows * columns,
           .factors = positions * (rows + columns),
           .multiplications = static_cast<double>(positions * rows * columns),
           .positions = positions,
           .rows = rows,
           .columns = columns}};
}

int64_t held(const std::vector<PlannedUse>& plans) {
  return std::accumulate(plans.begin(), plans.end(), int64_t{0},
                         [](int64_t sum, const PlannedUse& plan) { return sum + plan.held_bytes; });
}

TEST(UsePlanner, OnePositionIsRankOneAtAnyBudget) {
  for (const int64_t budget : {int64_t{0}, kPlenty})
    EXPECT_EQ(plan_uses({product(1, 512, 512)}, kPlanned, budget, {})[0].strategy, Strategy::rank_one);
}

TEST(UsePlanner, WhatHasNothingToChooseIsLeftAlone) {
  const auto plans = plan_uses({UseToPlan{}, product(1, 4, 4)}, kPlanned, 0, {});
  EXPECT_EQ(plans[0].strategy, Strategy::automatic);
  EXPECT_EQ(plans[0].held_bytes, 0);
}

// T^2 (p + d) against T p d: few positions of a wide layer are cheap as inner products, many of a narrow one are not.
TEST(UsePlanner, GramIsForFewPositionsOfWideLayers) {
  EXPECT_EQ(plan_uses({product(16, 1024, 1024)}, kPlanned, 0, {})[0].strategy, Strategy::gram);
  EXPECT_EQ(plan_uses({product(4096, 16, 16)}, kPlanned, kPlenty, {})[0].strategy, Strategy::keep);
}

TEST(UsePlanner, NoMoreIsHeldThanTheBudgetWhereThatIsPossible) {
  const std::vector<UseToPlan> uses = {product(64, 64, 64),
                                       product(64, 256, 64),
                                       product(16, 1024, 1024),
                                       product(64, 64, 256),
                                       {{.elements = 800, .factors = 9000, .multiplications = 1e6}}};
  int64_t least = 0;
  for (const UseToPlan& use : uses) least += kPlanned * kBytes * std::min(use.shape.elements, use.shape.factors);
  for (int64_t budget = least; budget < 8 * least; budget += least / 10) {
    EXPECT_LE(held(plan_uses(uses, kPlanned, budget, {})), budget);
  }
  EXPECT_EQ(held(plan_uses(uses, kPlanned, 0, {})), least);
}

// The last layer's rows would be there together with what the forward pass left; the first one's when that is gone.
TEST(UsePlanner, RowsAreKeptWhereTheBackwardPassHasMadeRoom) {
  UseToPlan first = product(64, 64, 64);
  UseToPlan last = first;
  const int64_t rows = kPlanned * 64 * 64 * kBytes;
  const int64_t factors = kPlanned * 64 * 128 * kBytes;
  first.shape.factors = last.shape.factors = 64 * 16;  // less than the rows
  last.bytes_before = 10 * factors;
  const auto plans = plan_uses({first, last}, kPlanned, 10 * factors + rows / 2, {.gram = 1e5});
  EXPECT_EQ(plans[0].strategy, Strategy::keep);
  EXPECT_NE(plans[1].strategy, Strategy::keep);
}

TEST(UsePlanner, ASmallerBudgetNeverMakesAStepFaster) {
  const std::vector<UseToPlan> uses = {product(64, 64, 64), product(64, 256, 64), product(128, 100, 1000)};
  double slower = 1e9;
  for (int64_t budget = 0; budget < int64_t{1} << 28; budget += 1 << 20) {
    double seconds = 0;
    for (const PlannedUse& plan : plan_uses(uses, kPlanned, budget, {})) seconds += plan.seconds;
    EXPECT_LE(seconds, slower * (1 + 1e-12));
    slower = seconds;
  }
}

TEST(UsePlanner, BytesAreThoseOfRowsOrFactors) {
  for (const PlannedUse& plan : possible_plans(product(10, 3, 5).shape, kPlanned, kBytes, {})) {
    EXPECT_EQ(plan.held_bytes, plan.strategy == Strategy::keep ? 16 * 15 * 4 : 16 * 80 * 4) << to_string(plan.strategy);
  }
}

// The gradients of a parameter in double take twice the memory.
TEST(UsePlanner, BytesAreThoseOfEachUsesOwnElements) {
  UseToPlan in_double = product(10, 3, 5);
  in_double.element_bytes = 8;
  const auto plans = plan_uses({product(10, 3, 5), in_double}, kPlanned, kPlenty, {.product = 1e5, .gram = 1e5});
  EXPECT_EQ(plans[0].held_bytes, kPlanned * 15 * 4);
  EXPECT_EQ(plans[1].held_bytes, kPlanned * 15 * 8);
}

// Rows of the first use and factors of the second are the smaller; the backward pass begins at the second.
TEST(UsePlanner, LeastBytesAreTheLargestOfTheSumsWithTheSmallerTensors) {
  UseToPlan first = product(64, 4, 4);
  UseToPlan second = product(2, 64, 64);
  first.bytes_before = 100;
  second.bytes_before = 5000;
  const int64_t rows = kPlanned * 16 * 4, factors = kPlanned * 2 * 128 * 4;
  EXPECT_EQ(least_bytes({first, second}, kPlanned), 5000 + factors);
  first.bytes_before = 5000;
  EXPECT_EQ(least_bytes({first, second}, kPlanned), 5000 + rows + factors);
  EXPECT_EQ(least_bytes({}, kPlanned), 0);
  EXPECT_EQ(least_bytes({{{}, 7}}, kPlanned), 7);
}

TEST(UsePlanner, AStrategyThatWasAskedForHasItsOwnFigures) {
  const UseShape shape = product(10, 3, 5).shape;
  for (const PlannedUse& plan : possible_plans(shape, kPlanned, kBytes, {})) {
    const PlannedUse forced = forced_plan(plan.strategy, shape, kPlanned, kBytes, {});
    EXPECT_EQ(forced.strategy, plan.strategy);
    EXPECT_EQ(forced.held_bytes, plan.held_bytes);
    EXPECT_EQ(forced.seconds, plan.seconds);
  }
  EXPECT_EQ(forced_plan(Strategy::rank_one, shape, kPlanned, kBytes, {}).strategy, Strategy::gram);
  const UseShape single = product(1, 3, 5).shape;
  EXPECT_EQ(forced_plan(Strategy::gram, single, kPlanned, kBytes, {}).strategy, Strategy::rank_one);
  EXPECT_EQ(forced_plan(Strategy::keep, single, kPlanned, kBytes, {}).held_bytes, kPlanned * 15 * kBytes);
}

TEST(UsePlanner, CostsDecideBetweenStrategiesThatFit) {
  const UseToPlan use = product(128, 384, 384);
  EXPECT_EQ(plan_uses({use}, kPlanned, kPlenty, {.product = 1e15, .gram = 1e15})[0].strategy, Strategy::gram);
  EXPECT_EQ(plan_uses({use}, kPlanned, kPlenty, {.gram = 1e5})[0].strategy, Strategy::keep);
}

}  // namespace
}  // namespace sotto::optim
