#pragma once
// The weight rule of a private run of `sotto train`.

#include <sotto/optim/weight_rule.h>
#include <sotto/tools/training_plan.h>

#include <cstddef>

namespace sotto::tools {

// `groups` of parameters, which count where the rule is per group. Throws UsageError as weight_rule.h says.
optim::WeightRule weight_rule(const TrainOptions& options, const TrainingPlan& plan, std::size_t groups);

}  // namespace sotto::tools
