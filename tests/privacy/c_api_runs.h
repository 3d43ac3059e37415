#pragma once
// What the tests of the C interface start from.

#include <sotto/privacy/sotto_privacy.h>

#include <string>

namespace sotto::privacy {

// What results hold before a call; none is negative.
inline constexpr double kUntouched = -17.25;

inline std::string last_error() {
  return sotto_privacy_last_error();
}

inline sotto_privacy_run empty_run() {
  sotto_privacy_run run{};
  run.size = sizeof run;
  return run;
}

// q = 0.01, sigma = 1, T = 1000.
inline sotto_privacy_run poisson_run() {
  sotto_privacy_run run = empty_run();
  run.adjacency = SOTTO_ADD_REMOVE;
  run.sampler = SOTTO_POISSON;
  run.sampling_rate = 0.01;
  run.noise_multiplier = 1;
  run.steps = 1000;
  return run;
}
constexpr double kEpsilonOfThePoissonRun = 1.8282366665165768;  // at delta 1e-5: golden_composed.csv

// The same as JSON.
inline constexpr const char* kEventsOfThePoissonRun =
    R"({"sotto_events":1,"adjacency":"add-remove","unit":{"kind":"record"},"event":{"type":"self_composed","count":1000,)"
    R"("event":{"type":"poisson_sampled","sampling_rate":0.01,"mechanism":{"type":"gaussian","noise_multiplier":1}}}})";

}  // namespace sotto::privacy
