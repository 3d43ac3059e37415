#pragma once
// What a run says when it ends. Of the private records it shows nothing but the time of the whole run, in seconds,
// which is longer the more there are.

#include <sotto/optim/private_training.h>
#include <sotto/tools/private_metrics.h>
#include <sotto/tools/test_result.h>
#include <sotto/tools/training_job.h>
#include <sotto/tools/training_plan.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace sotto::tools {

struct RunReport {
  const TrainingJob& job;
  const TrainingPlan& plan;
  std::filesystem::path folder;
  bool model_file = false;                           // not a ready network
  const optim::PrivateTraining* training = nullptr;  // nothing: a run without privacy
  std::string device;                                // cpu or cuda:N
  std::optional<TestResult> result;                  // on the test records
  std::optional<PrivateMetrics> private_metrics;     // the last that were released
  bool stopped_early = false;                        // by these
  std::int64_t steps = 0, applied_steps = 0;
  std::chrono::steady_clock::duration time{};
};

// What is planned to be spent: epsilon, delta, noise_multiplier, sampling_rate; null without privacy, and epsilon where
// the run is NOT PRIVATE.
void add_budget(nlohmann::ordered_json& object, const TrainingPlan& plan);

std::string to_json(const RunReport& report, bool finished);
// Of a finished run, for people.
std::string to_text(const RunReport& report);

}  // namespace sotto::tools
