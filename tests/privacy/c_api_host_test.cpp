// The C interface in a process that is not ours: threads, and a floating-point environment that others have changed.

#include <fenv.h>
#include <gtest/gtest.h>
#include <sotto/privacy/sotto_privacy.h>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include "c_api_runs.h"

namespace sotto::privacy {
namespace {

TEST(CApi, EveryThreadHasItsOwnLastError) {
  sotto_privacy_run bad = poisson_run();
  bad.adjacency = 77;
  double lower, upper;
  ASSERT_EQ(sotto_privacy_epsilon(&bad, 1e-5, &lower, &upper), SOTTO_USAGE);
  std::thread([] {
    EXPECT_EQ(last_error(), "");
    sotto_privacy_run run = poisson_run();
    run.sampler = 88;
    double low, high;
    EXPECT_EQ(sotto_privacy_epsilon(&run, 1e-5, &low, &high), SOTTO_USAGE);
    EXPECT_NE(last_error().find("88"), std::string::npos);
  }).join();
  EXPECT_NE(last_error().find("77"), std::string::npos);
}

// Longer than the buffer that holds it: cut, and still ended by a zero byte.
TEST(CApi, LongErrorsAreCut) {
  const std::string key(5000, 'k');
  const std::string json = "{\"" + key + "\":1}";
  double lower = kUntouched, upper = kUntouched;
  EXPECT_EQ(sotto_privacy_epsilon_of_events(json.c_str(), SOTTO_CERTIFIED, 0, 1e-5, &lower, &upper), SOTTO_USAGE);
  EXPECT_LE(last_error().size(), 1023);
}

TEST(CApi, CallsOfSeveralThreadsAgree) {
  const sotto_privacy_run run = poisson_run();
  double lower = kUntouched, upper = kUntouched;
  ASSERT_EQ(sotto_privacy_epsilon(&run, 1e-5, &lower, &upper), SOTTO_OK);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      double low = kUntouched, high = kUntouched;
      EXPECT_EQ(sotto_privacy_epsilon(&run, 1e-5, &low, &high), SOTTO_OK);
      EXPECT_EQ(low, lower);
      EXPECT_EQ(high, upper);
    });
  for (std::thread& thread : threads) thread.join();
}

// Some libraries switch to other rounding, or flush denormals, in the process that they are loaded into.
TEST(CApi, CallersFloatingPointEnvironmentNeitherMattersNorChanges) {
  sotto_privacy_run run = poisson_run();
  for (const int32_t method : {SOTTO_CONTOUR, SOTTO_RDP}) {
    run.method = method;
    double lower = kUntouched, upper = kUntouched;
    ASSERT_EQ(sotto_privacy_epsilon(&run, 1e-20, &lower, &upper), SOTTO_OK);
    for (const int rounding : {FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO}) {
      double low = kUntouched, high = kUntouched;
      fesetround(rounding);
      const int status = sotto_privacy_epsilon(&run, 1e-20, &low, &high);
      const int after = fegetround();
      fesetround(FE_TONEAREST);
      EXPECT_EQ(status, SOTTO_OK);
      EXPECT_EQ(after, rounding);
      EXPECT_EQ(low, lower);
      EXPECT_EQ(high, upper);
    }
  }
}

#if defined(__SSE__)
TEST(CApi, DenormalsAreNotFlushedDuringACall) {
  constexpr unsigned kFlushToZeroAndDenormalsAreZero = 0x8040;
  sotto_privacy_run run = empty_run();
  run.adjacency = SOTTO_ADD_REMOVE;
  run.sampler = SOTTO_FULL_BATCH;
  run.noise_multiplier = 1;
  run.steps = 1;
  // A delta that the host's processor would take for 0, at which epsilon is infinite.
  for (const double delta : {1e-308, 1e-312, 5e-324}) {
    double lower = kUntouched, upper = kUntouched, flushed_lower = kUntouched, flushed_upper = kUntouched;
    ASSERT_EQ(sotto_privacy_epsilon(&run, delta, &lower, &upper), SOTTO_OK) << last_error();
    ASSERT_TRUE(std::isfinite(upper));
    const unsigned before = _mm_getcsr();
    _mm_setcsr(before | kFlushToZeroAndDenormalsAreZero);
    const int status = sotto_privacy_epsilon(&run, delta, &flushed_lower, &flushed_upper);
    const unsigned after = _mm_getcsr();
    _mm_setcsr(before);
    EXPECT_EQ(status, SOTTO_OK);
    EXPECT_EQ(after & kFlushToZeroAndDenormalsAreZero, kFlushToZeroAndDenormalsAreZero);
    EXPECT_EQ(flushed_lower, lower) << delta;
    EXPECT_EQ(flushed_upper, upper) << delta;
  }
}
#endif

TEST(CApi, VersionIsThatOfTheBuild) {
  EXPECT_STREQ(sotto_privacy_version(), SOTTO_VERSION);
}

}  // namespace
}  // namespace sotto::privacy
