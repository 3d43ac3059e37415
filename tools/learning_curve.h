#pragma once
// How well the model of a run did on its way: what metrics.jsonl of the run folder holds.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace sotto::tools {

struct Metric {
  std::string name;  // as in the file: accuracy, f1, root_mean_square_error
  double value = 0;  // finite

  friend bool operator==(const Metric&, const Metric&) = default;
};

// One evaluation, on test records that are treated as public.
struct LearningPoint {
  std::int64_t step = 0;  // >= 0
  std::optional<double> epsilon_spent;
  std::vector<Metric> metrics;  // in the order of the file; empty where there were no test records
  std::optional<std::string> not_private;
  std::optional<double> clip_norm = {};  // of the rule adaptive, after the step: released, and no metric of tests

  friend bool operator==(const LearningPoint&, const LearningPoint&) = default;
};

// The evaluations by growing step. Each line is an object with `step`, `epsilon_spent` (a number or null), perhaps
// `not_private` and `clip_norm`, and metrics, numbers or null. A step that comes again, or earlier ones after it, are
// of a run that went back to its checkpoint: the later lines count. Throws DataError with file and line for anything
// else, for a line that is cut, and where the file cannot be read.
std::vector<LearningPoint> read_learning_curve(const std::filesystem::path& path);

}  // namespace sotto::tools
