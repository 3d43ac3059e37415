#pragma once
// The plan of a training run for people, before anything is drawn.

#include <sotto/tools/train_options.h>
#include <sotto/tools/training_plan.h>

#include <string>

namespace sotto::tools {

// Several lines, with the plan's warnings.
std::string describe(const TrainOptions& options, const TrainingPlan& plan);

// An upper bound of `epsilon` with few digits, not above the target where `epsilon` is not.
std::string shown_epsilon(const TrainOptions& options, double epsilon);

}  // namespace sotto::tools
