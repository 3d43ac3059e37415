#pragma once
// `sotto evaluate RUN`: test accuracy of the model of a run.

#include <sotto/tools/training_job.h>

namespace sotto::tools {

// Throws UsageError when there are no test records, DataError when the model does not fit.
void evaluate_run(const TrainingJob& job);

}  // namespace sotto::tools
