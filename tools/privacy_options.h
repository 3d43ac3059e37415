#pragma once
// What the options of a run say of its privacy: rule, noise, budget and private metrics. The checks throw UsageError
// for values and combinations that are not allowed, in one sentence; they look at declared quantities alone.

#include <sotto/privacy/plan.h>
#include <sotto/tools/declared_data.h>
#include <sotto/tools/train_options.h>

#include <cstdint>
#include <optional>

namespace sotto::tools {

// Of the rules that are not adaptive.
void check_rule_parameters(const TrainOptions& options);

// The kind of noise, what adaptive clipping adds to it, and the correction of an optimizer for it.
void check_planned_noise(const TrainOptions& options);

// Of a run of `steps` steps.
void check_private_metrics(const TrainOptions& options, const DeclaredData& data, int64_t steps);

// B of a run's evaluations on private records, twice the loss of a guess that knows nothing: 2 log(classes), of two or
// more; a public constant (privacy/planned_evaluations.h).
double largest_loss(const DeclaredData& data);

// The delta given, or 1e-5 where none is and that is below 1 / dataset_size. Throws UsageError where it is not.
double delta_or_default(std::optional<double> delta, int64_t dataset_size);

// Of a run with privacy, whose options passed the checks above. Throws UsageError without a budget, with two, and as
// privacy/plan.h says.
privacy::PrivacyPlan privacy_plan(const TrainOptions& options, int64_t dataset_size, int64_t steps);

// The noise of the count of the rule adaptive, chosen or by default, beside the noise multiplier of the plan; 0 of any
// other rule. Throws UsageError for one that leaves nothing for the sum.
double checked_count_noise(const TrainOptions& options, double noise_multiplier);

}  // namespace sotto::tools
