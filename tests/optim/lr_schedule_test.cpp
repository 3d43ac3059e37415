#include <gtest/gtest.h>
#include <sotto/optim/lr_schedule.h>
#include <sotto/privacy/error.h>

#include <cmath>
#include <numbers>

namespace sotto::optim {
namespace {

using enum LrSchedule::Shape;

TEST(LrSchedule, ConstantIsOne) {
  const LrSchedule schedule(constant, 5);
  for (int64_t t = 0; t < 5; ++t) EXPECT_EQ(schedule.factor(t), 1.0);
}

TEST(LrSchedule, LinearFallsInEqualSteps) {
  const LrSchedule schedule(linear, 4);
  EXPECT_EQ(schedule.factor(0), 1.0);
  EXPECT_EQ(schedule.factor(1), 0.75);
  EXPECT_EQ(schedule.factor(2), 0.5);
  EXPECT_EQ(schedule.factor(3), 0.25);
}

TEST(LrSchedule, CosineIsHalfAtHalfAndSymmetric) {
  const LrSchedule schedule(cosine, 8);
  EXPECT_EQ(schedule.factor(0), 1.0);
  EXPECT_NEAR(schedule.factor(4), 0.5, 1e-15);
  for (int64_t t = 1; t < 8; ++t) EXPECT_NEAR(schedule.factor(t) + schedule.factor(8 - t), 1.0, 1e-15) << t;
  EXPECT_NEAR(schedule.factor(2), std::pow(std::cos(std::numbers::pi / 8), 2), 1e-15);
}

TEST(LrSchedule, WarmUpRisesAndTheRestIsTheScheduleOfTheStepsLeft) {
  const LrSchedule warm(linear, 7, 3), rest(linear, 4);
  EXPECT_EQ(warm.factor(0), 0.25);
  EXPECT_EQ(warm.factor(1), 0.5);
  EXPECT_EQ(warm.factor(2), 0.75);
  for (int64_t t = 0; t < 4; ++t) EXPECT_EQ(warm.factor(t + 3), rest.factor(t)) << t;
}

TEST(LrSchedule, NeverReachesZero) {
  for (const auto shape : {constant, linear, cosine})
    for (const int64_t warmup : {0, 99}) EXPECT_GT(LrSchedule(shape, 100, warmup).factor(99), 0.0);
}

TEST(LrSchedule, RefusesWhatIsOutOfRange) {
  EXPECT_THROW(LrSchedule(constant, 0), UsageError);
  EXPECT_THROW(LrSchedule(constant, 5, -1), UsageError);
  EXPECT_THROW(LrSchedule(constant, 5, 5), UsageError);
  EXPECT_THROW(LrSchedule(constant, 5).factor(-1), UsageError);
  EXPECT_THROW(LrSchedule(constant, 5).factor(5), UsageError);
  EXPECT_EQ(LrSchedule::shape_of("cosine"), cosine);
  EXPECT_THROW(LrSchedule::shape_of("step"), UsageError);
}

}  // namespace
}  // namespace sotto::optim
