#pragma once
// `sotto explain`: what is known of a model before a record is read.

#include <sotto/privacy/error.h>
#include <sotto/tools/training_job.h>

namespace sotto::tools {

// Prints the table. `done` when independence is proven and probed and every parameter has a rule, `bad_data` when the
// model is refused. Throws DataError for a file that is no model, UsageError.
ExitCode explain_model_job(const TrainingJob& job);

}  // namespace sotto::tools
