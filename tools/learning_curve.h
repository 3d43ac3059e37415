#pragma once
// How well the model of a run did on its way: what metrics.jsonl of the run folder holds.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace sotto::tools {

// Metrics whose names begin so are of private records, noisy and charged: privacy/planned_evaluations.h. Beside them
// stands the number of their evaluation, from 1.
inline constexpr const char* kPrivateMetricPrefix = "private_";
inline constexpr const char* kPrivateEvaluation = "private_evaluation";
inline constexpr const char* kPrivateAccuracy = "private_accuracy";
inline constexpr const char* kPrivateLoss = "private_loss";
// The standard deviation of the noise of a metric has the metric's name and this ending.
inline constexpr const char* kDeviationEnding = "_deviation";

struct Metric {
  std::string name;  // as in the file: accuracy, f1, root_mean_square_error
  double value = 0;  // finite

  friend bool operator==(const Metric&, const Metric&) = default;
};

// One evaluation: on test records, which are treated as public, on private ones, or both.
struct LearningPoint {
  std::int64_t step = 0;  // >= 0
  std::optional<double> epsilon_spent;
  std::vector<Metric> metrics;  // in the order of the file; empty where there were no test records
  std::optional<std::string> not_private;
  std::optional<double> clip_norm = {};  // of the rule adaptive, after the step: released, and no metric of tests
  std::optional<std::int64_t> private_evaluation = {};  // >= 1; among the metrics are then such of private records

  friend bool operator==(const LearningPoint&, const LearningPoint&) = default;
};

// The evaluations by growing step. Each line is an object with `step`, `epsilon_spent` (a number or null), perhaps
// `not_private`, `clip_norm` and `private_evaluation`, and metrics, numbers or null. A step that comes again, or
// earlier ones after it, are of a run that went back to its checkpoint: the later lines count. Throws DataError with
// file and line for anything else, for a line that is cut, and where the file cannot be read.
std::vector<LearningPoint> read_learning_curve(const std::filesystem::path& path);

}  // namespace sotto::tools
