// The executor finds what it promises to find, and says where. Every mistake is planted in a kernel; some are found in
// every build, some by a sanitizer, and one only because the order of the threads is changed.

#include <gtest/gtest.h>
#include <sotto/kernels/launch.h>

#include <memory>
#include <vector>

#include "planted_bugs.cu"

namespace sotto::kernels::testing {
namespace {

using sim::Schedule;
using sim::SimError;

constexpr int kRows = 3;
constexpr int kColumns = 70;
constexpr int kBlock = 64;  // two warps; ThreadSanitizer of clang 14 overlooks races in larger blocks

const std::vector<Schedule> kSchedules = {{Schedule::Order::forward},
                                          {Schedule::Order::reverse},
                                          {Schedule::Order::shuffled, 1},
                                          {Schedule::Order::shuffled, 2}};

// Exactly as large as they may be, so that AddressSanitizer knows their ends.
struct Memory {
  std::unique_ptr<float[]> values = std::make_unique<float[]>(kRows * kColumns);
  std::unique_ptr<float[]> out = std::make_unique<float[]>(kBlock);
  Memory() {
    for (int i = 0; i < kRows * kColumns; ++i) values[static_cast<size_t>(i)] = static_cast<float>(i % 11);
  }
  float sum_of_row(int row) const {  // exact: whole numbers
    float sum = 0;
    for (int i = 0; i < kColumns; ++i) sum += values[static_cast<size_t>(row * kColumns + i)];
    return sum;
  }
};

// The sums of a run; what stands there before is no sum.
std::vector<float> run(Bug bug, Schedule schedule) {
  const sim::WithSchedule with(schedule);
  const Memory memory;
  std::fill_n(memory.out.get(), kBlock, -1.0F);
  run_planted(bug, memory.values.get(), memory.out.get(), kRows, kColumns, kBlock);
  return {memory.out.get(), memory.out.get() + kBlock};
}

std::string message_of(Bug bug) {
  try {
    run(bug, {});
  } catch (const SimError& error) {
    return error.what();
  }
  return "accepted";
}

::testing::AssertionResult says(Bug bug, const std::vector<std::string>& parts) {
  const std::string message = message_of(bug);
  for (const std::string& part : parts)
    if (message.find(part) == std::string::npos) return ::testing::AssertionFailure() << message;
  return ::testing::AssertionSuccess();
}

TEST(Executor, ComputesWhatAKernelWithoutAMistakeComputes) {
  const Memory memory;
  for (const Schedule schedule : kSchedules) {
    const std::vector<float> sums = run(Bug::none, schedule);
    for (int row = 0; row < kRows; ++row) EXPECT_EQ(sums[static_cast<size_t>(row)], memory.sum_of_row(row));
    const std::vector<float> neighbours = run(Bug::none_between_neighbours, schedule);
    for (size_t i = 0; i < neighbours.size(); ++i) EXPECT_EQ(neighbours[i], memory.values[i ^ 1U]);
  }
}

TEST(Executor, NamesTheThreadsOfABarrierThatNotAllReach) {
  EXPECT_TRUE(says(Bug::barrier_in_a_branch, {"not reached by the whole block", "thread 0 waits in __syncthreads at",
                                              "planted_bugs.cu:", "thread 32 has returned"}));
  EXPECT_TRUE(says(Bug::returns_before_a_barrier, {"not reached by the whole block", "thread 32 has returned"}));
}

TEST(Executor, NamesTheLanesOfAWarpOperationThatIsUndefined) {
  EXPECT_TRUE(says(Bug::lane_outside_the_mask, {"lane 16 is read", "outside of the mask", "planted_bugs.cu:"}));
  EXPECT_TRUE(says(Bug::caller_outside_the_mask, {"thread 16 is not in the mask", "planted_bugs.cu:"}));
  EXPECT_TRUE(says(Bug::lanes_disagree, {"no thread can go on", "thread 0 waits in a warp operation"}));
  EXPECT_TRUE(says(Bug::lane_has_returned, {"names lane 31, which has returned"}));
}

TEST(Executor, RefusesMoreDynamicMemoryThanTheLaunchGave) {
  EXPECT_TRUE(says(Bug::dynamic_memory_too_small, {"260 bytes of dynamic shared memory", "the launch gave 256"}));
}

TEST(Executor, DynamicMemoryThatNobodyWroteIsNotANumber) {
  for (const float value : run(Bug::reads_dynamic_memory_nobody_wrote, {})) EXPECT_TRUE(std::isnan(value));
}

TEST(Executor, GivesTheStateBackAfterAnError) {
  EXPECT_NE(message_of(Bug::barrier_in_a_branch), "accepted");
  EXPECT_EQ(run(Bug::none, {})[0], Memory().sum_of_row(0));
  EXPECT_THROW(sim::Block::now(), SimError);
}

#if SOTTO_SIM_TSAN
TEST(ExecutorDeathTest, RacesAreSeen) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run(Bug::missing_barrier, {}), "data race");
  EXPECT_DEATH(run(Bug::shuffle_as_a_fence, {}), "data race");
}
#else
// In one order every value happens to be there in time.
TEST(Executor, AMissingBarrierShowsUnderSomeSchedule) {
  const float right = Memory().sum_of_row(0);
  int wrong = 0;
  for (const Schedule schedule : kSchedules) wrong += run(Bug::missing_barrier, schedule)[0] != right ? 1 : 0;
  EXPECT_GE(wrong, 1);
}
#endif

#if SOTTO_SIM_ASAN
TEST(ExecutorDeathTest, AccessesOutsideOfMemoryAreSeen) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run(Bug::reads_past_the_end, {}), "heap-buffer-overflow");
  EXPECT_DEATH(run(Bug::writes_past_dynamic_memory, {}), "heap-buffer-overflow");
  EXPECT_DEATH(run(Bug::shared_index_past_the_end, {}), "out of bounds for type");
  EXPECT_DEATH(run(Bug::misaligned_vector, {}), "misaligned address");
}
#elif defined(__clang__)
TEST(Executor, SharedMemoryThatNobodyWroteIsNotANumber) {
  for (const Schedule schedule : kSchedules) EXPECT_TRUE(std::isnan(run(Bug::reads_what_nobody_wrote, schedule)[0]));
}
#endif

TEST(Launch, RefusesShapesThatADeviceWould) {
  const auto message = [](const LaunchShape& shape) -> std::string {
    try {
      check(shape);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message({.grid = dim3(1), .block = dim3(1024)}), "accepted");
  EXPECT_EQ(message({.grid = dim3(0x7fffffff, 65535, 65535), .block = dim3(8, 4, 32)}), "accepted");
  for (const dim3 block : {dim3(0), dim3(16), dim3(33), dim3(1056), dim3(32, 64), dim3(4, 2, 128)})
    EXPECT_NE(message({.grid = dim3(1), .block = block}).find("[launch] block"), std::string::npos);
  for (const dim3 grid : {dim3(0), dim3(0x80000000U), dim3(1, 65536), dim3(1, 1, 65536)})
    EXPECT_NE(message({.grid = grid, .block = dim3(32)}).find("[launch] grid"), std::string::npos);
  EXPECT_NE(message({.grid = dim3(1), .block = dim3(32), .shared_bytes = 49153}).find("49153"), std::string::npos);
}

}  // namespace
}  // namespace sotto::kernels::testing
