#pragma once
// `sotto train --dry-run`: what would be trained, and whether its files can be read.

#include <sotto/tools/training_job.h>

namespace sotto::tools {

// Reads records and model and tells the plan with its noise. Nothing is trained, charged or written. Throws the errors
// of data/ and of the model; with job.json the plan is one JSON object.
void dry_run(const TrainingJob& job);

}  // namespace sotto::tools
