// What the C interface refuses: with a status and a sentence, and nothing written.

#include <gtest/gtest.h>
#include <sotto/privacy/sotto_privacy.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <string>

#include "c_api_runs.h"

namespace sotto::privacy {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Refused by every function that takes a run, nothing written, and the sentence holds `expected`.
void expect_refused(const sotto_privacy_run* run, const std::string& expected) {
  SCOPED_TRACE(expected);
  double lower = kUntouched, upper = kUntouched;
  EXPECT_EQ(sotto_privacy_epsilon(run, 1e-5, &lower, &upper), SOTTO_USAGE);
  EXPECT_NE(last_error().find(expected), std::string::npos) << last_error();
  EXPECT_EQ(sotto_privacy_delta(run, 1, &lower, &upper), SOTTO_USAGE);
  EXPECT_NE(last_error().find(expected), std::string::npos) << last_error();
  EXPECT_EQ(lower, kUntouched);
  EXPECT_EQ(upper, kUntouched);
}

void expect_refused(const std::function<void(sotto_privacy_run&)>& change, const std::string& expected) {
  sotto_privacy_run run = poisson_run();
  change(run);
  expect_refused(&run, expected);
}

TEST(CApi, NullPointersAreRefused) {
  expect_refused(static_cast<const sotto_privacy_run*>(nullptr), "run is a null pointer");
  const sotto_privacy_run run = poisson_run();
  double value = kUntouched;
  int64_t steps = -5;
  EXPECT_EQ(sotto_privacy_epsilon(&run, 1e-5, nullptr, &value), SOTTO_USAGE);
  EXPECT_EQ(last_error(), "[sotto_privacy_epsilon] lower is a null pointer; it has to point to something");
  EXPECT_EQ(sotto_privacy_epsilon(&run, 1e-5, &value, nullptr), SOTTO_USAGE);
  EXPECT_EQ(sotto_privacy_delta(&run, 1, nullptr, &value), SOTTO_USAGE);
  EXPECT_EQ(sotto_privacy_delta(&run, 1, &value, nullptr), SOTTO_USAGE);
  EXPECT_EQ(sotto_privacy_noise_multiplier(&run, 1, 1e-5, nullptr, &value), SOTTO_USAGE);
  EXPECT_EQ(sotto_privacy_noise_multiplier(&run, 1, 1e-5, &value, nullptr), SOTTO_USAGE);
  EXPECT_EQ(sotto_privacy_steps(&run, 1, 1e-5, nullptr, &value), SOTTO_USAGE);
  EXPECT_EQ(sotto_privacy_steps(&run, 1, 1e-5, &steps, nullptr), SOTTO_USAGE);
  EXPECT_EQ(sotto_privacy_noise_multiplier(nullptr, 1, 1e-5, &value, &value), SOTTO_USAGE);
  EXPECT_EQ(sotto_privacy_sampling_rate(nullptr, 1, 1e-5, &value, &value), SOTTO_USAGE);
  EXPECT_EQ(sotto_privacy_sampling_rate(&run, 1, 1e-5, nullptr, &value), SOTTO_USAGE);
  EXPECT_EQ(sotto_privacy_sampling_rate(&run, 1, 1e-5, &value, nullptr), SOTTO_USAGE);
  EXPECT_EQ(sotto_privacy_steps(nullptr, 1, 1e-5, &steps, &value), SOTTO_USAGE);
  EXPECT_EQ(value, kUntouched);
  EXPECT_EQ(steps, -5);
}

TEST(CApi, FieldsThatAreNotSetAreRefused) {
  const sotto_privacy_run empty = empty_run();
  expect_refused(&empty, "bad adjacency: 0");
  expect_refused([](sotto_privacy_run& run) { run.adjacency = 0; }, "bad adjacency: 0; allowed are SOTTO_ADD_REMOVE");
  expect_refused([](sotto_privacy_run& run) { run.sampler = 0; }, "bad sampler: 0; allowed are SOTTO_POISSON");
  expect_refused([](sotto_privacy_run& run) { run.sampling_rate = 0; },
                 "sampling_rate is not set; SOTTO_POISSON needs");
  expect_refused([](sotto_privacy_run& run) { run.noise_multiplier = 0; }, "noise_multiplier is not set");
  expect_refused([](sotto_privacy_run& run) { run.steps = 0; }, "steps is not set");
  expect_refused([](sotto_privacy_run& run) { run.sampler = SOTTO_TRUNCATED_POISSON; }, "dataset_size is not set");
  expect_refused(
      [](sotto_privacy_run& run) {
        run.sampler = SOTTO_TRUNCATED_POISSON;
        run.dataset_size = 1000;
      },
      "cap is not set");
  expect_refused(
      [](sotto_privacy_run& run) {
        run.sampler = SOTTO_WITHOUT_REPLACEMENT;
        run.sampling_rate = 0;
        run.dataset_size = 1000;
      },
      "batch is not set");
}

// A dataset size beside a sampling rate would be taken for the sampler that uses it.
TEST(CApi, FieldsThatTheSamplerHasNoUseForAreRefused) {
  expect_refused([](sotto_privacy_run& run) { run.dataset_size = 60000; }, "dataset_size is set to 60000");
  expect_refused([](sotto_privacy_run& run) { run.batch = 256; },
                 "batch is set to 256; SOTTO_POISSON has no use for it");
  expect_refused([](sotto_privacy_run& run) { run.cap = 300; }, "cap is set to 300");
  expect_refused([](sotto_privacy_run& run) { run.epochs = 3; }, "epochs is set to 3");
  expect_refused([](sotto_privacy_run& run) { run.sampler = SOTTO_FULL_BATCH; }, "sampling_rate is set to 0.01");
  expect_refused([](sotto_privacy_run& run) { run.sampler = SOTTO_SHUFFLE; }, "steps is set to 1000");
}

TEST(CApi, ValuesOutsideTheirRangesAreRefused) {
  expect_refused([](sotto_privacy_run& run) { run.adjacency = 4; }, "bad adjacency: 4");
  expect_refused([](sotto_privacy_run& run) { run.adjacency = -1; }, "bad adjacency: -1");
  expect_refused([](sotto_privacy_run& run) { run.sampler = 6; }, "bad sampler: 6");
  expect_refused([](sotto_privacy_run& run) { run.method = 5; }, "bad method: 5; allowed are SOTTO_CERTIFIED");
  expect_refused([](sotto_privacy_run& run) { run.method = -1; }, "bad method: -1");
  expect_refused([](sotto_privacy_run& run) { run.group = -1; }, "bad group: -1");
  expect_refused([](sotto_privacy_run& run) { run.group = 1001; },
                 "bad group: 1001; allowed is an integer from 1 to 1000");
  for (const double width : {-1.0, kNaN, kInfinity})
    expect_refused([&](sotto_privacy_run& run) { run.width = width; }, "bad width: ");
  for (const double rate : {-0.1, 1.5, kNaN, kInfinity})
    expect_refused([&](sotto_privacy_run& run) { run.sampling_rate = rate; }, "sampling_rate");
  for (const double noise : {-1.0, kNaN, kInfinity})
    expect_refused([&](sotto_privacy_run& run) { run.noise_multiplier = noise; }, "noise_multiplier");
  for (const int64_t steps : {int64_t{-1}, (int64_t{1} << 53) + 1, std::numeric_limits<int64_t>::min()})
    expect_refused([&](sotto_privacy_run& run) { run.steps = steps; }, "count");
  const sotto_privacy_run run = poisson_run();
  double lower = kUntouched, upper = kUntouched;
  for (const double delta : {-1e-9, 1.0, kNaN, kInfinity}) {
    EXPECT_EQ(sotto_privacy_epsilon(&run, delta, &lower, &upper), SOTTO_USAGE) << delta;
    EXPECT_NE(last_error().find("delta"), std::string::npos) << last_error();
  }
  for (const double epsilon : {-1e-9, kNaN, kInfinity}) {
    EXPECT_EQ(sotto_privacy_delta(&run, epsilon, &lower, &upper), SOTTO_USAGE) << epsilon;
    EXPECT_NE(last_error().find("epsilon"), std::string::npos) << last_error();
  }
  EXPECT_EQ(lower, kUntouched);
  EXPECT_EQ(upper, kUntouched);
}

TEST(CApi, SizesOfNoStructAreRefused) {
  for (const size_t size : {size_t{0}, size_t{8}, sizeof(sotto_privacy_run) - 1, size_t{4097}, ~size_t{0}})
    expect_refused([&](sotto_privacy_run& run) { run.size = size; }, "bad size of the run: " + std::to_string(size));
}

// What a caller that was built against a later header passes.
struct LaterRun {
  sotto_privacy_run known;
  double added[4];
};

TEST(CApi, LaterStructIsReadWhenItsNewFieldsAreNotSetAndRefusedOtherwise) {
  LaterRun later{poisson_run(), {}};
  later.known.size = sizeof later;
  double lower = kUntouched, upper = kUntouched;
  EXPECT_EQ(sotto_privacy_epsilon(&later.known, 1e-5, &lower, &upper), SOTTO_OK) << last_error();
  EXPECT_LE(lower, kEpsilonOfThePoissonRun);
  EXPECT_GE(upper, kEpsilonOfThePoissonRun);
  later.added[3] = 1;
  expect_refused(&later.known, "a field beyond byte " + std::to_string(sizeof(sotto_privacy_run)));
}

TEST(CApi, WhatIsSoughtMustNotBeGiven) {
  const sotto_privacy_run run = poisson_run();
  double value = kUntouched;
  int64_t steps = -1;
  EXPECT_EQ(sotto_privacy_noise_multiplier(&run, 1, 1e-5, &value, &value), SOTTO_USAGE);
  EXPECT_NE(last_error().find("noise_multiplier is set to 1; it is what is asked for"), std::string::npos);
  EXPECT_EQ(sotto_privacy_sampling_rate(&run, 1, 1e-5, &value, &value), SOTTO_USAGE);
  EXPECT_NE(last_error().find("sampling_rate is set to 0.01; it is what is asked for"), std::string::npos);
  EXPECT_EQ(sotto_privacy_steps(&run, 1, 1e-5, &steps, &value), SOTTO_USAGE);
  EXPECT_NE(last_error().find("steps is set to 1000; it is what is asked for"), std::string::npos);
  sotto_privacy_run full = poisson_run();
  full.sampler = SOTTO_FULL_BATCH;
  full.sampling_rate = 0;
  EXPECT_EQ(sotto_privacy_sampling_rate(&full, 1, 1e-5, &value, &value), SOTTO_USAGE);
  EXPECT_NE(last_error().find("SOTTO_FULL_BATCH has no use for it"), std::string::npos);
  EXPECT_EQ(value, kUntouched);
  EXPECT_EQ(steps, -1);
}

TEST(CApi, BudgetsThatMeanNothingAreRefused) {
  sotto_privacy_run run = poisson_run();
  run.noise_multiplier = 0;
  double value = kUntouched;
  for (const double epsilon : {0.0, -1.0, kNaN, kInfinity})
    EXPECT_EQ(sotto_privacy_noise_multiplier(&run, epsilon, 1e-5, &value, &value), SOTTO_USAGE) << epsilon;
  for (const double delta : {0.0, -1.0, 1.0, kNaN})
    EXPECT_EQ(sotto_privacy_noise_multiplier(&run, 1, delta, &value, &value), SOTTO_USAGE) << delta;
  EXPECT_EQ(value, kUntouched);
}

TEST(CApi, EventsThatDoNotReadAreRefused) {
  double lower = kUntouched, upper = kUntouched;
  const std::string no_adjacency = R"({"sotto_events":1,"unit":{"kind":"record"},"event":{"type":"no_op"}})";
  for (const char* json : {"", "{", "nonsense", "null", no_adjacency.c_str()}) {
    EXPECT_EQ(sotto_privacy_epsilon_of_events(json, SOTTO_CERTIFIED, 0, 1e-5, &lower, &upper), SOTTO_USAGE) << json;
    EXPECT_NE(last_error(), "");
    EXPECT_EQ(sotto_privacy_delta_of_events(json, SOTTO_CERTIFIED, 0, 1, &lower, &upper), SOTTO_USAGE) << json;
  }
  EXPECT_EQ(sotto_privacy_epsilon_of_events(nullptr, SOTTO_CERTIFIED, 0, 1e-5, &lower, &upper), SOTTO_USAGE);
  EXPECT_NE(last_error().find("json is a null pointer"), std::string::npos);
  EXPECT_EQ(sotto_privacy_epsilon_of_events(kEventsOfThePoissonRun, 9, 0, 1e-5, &lower, &upper), SOTTO_USAGE);
  EXPECT_NE(last_error().find("bad method: 9"), std::string::npos);
  EXPECT_EQ(sotto_privacy_epsilon_of_events(kEventsOfThePoissonRun, SOTTO_CERTIFIED, -1, 1e-5, &lower, &upper),
            SOTTO_USAGE);
  EXPECT_NE(last_error().find("bad width: -1"), std::string::npos);
  EXPECT_EQ(sotto_privacy_epsilon_of_events(kEventsOfThePoissonRun, SOTTO_CERTIFIED, 0, 1e-5, nullptr, &upper),
            SOTTO_USAGE);
  EXPECT_EQ(sotto_privacy_delta_of_events(kEventsOfThePoissonRun, SOTTO_CERTIFIED, 0, 1, &lower, nullptr), SOTTO_USAGE);
  EXPECT_EQ(lower, kUntouched);
  EXPECT_EQ(upper, kUntouched);
}

}  // namespace
}  // namespace sotto::privacy
