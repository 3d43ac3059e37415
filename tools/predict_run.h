#pragma once
// `sotto predict RUN`: what the model of a run of texts says of other texts.

#include <sotto/tools/training_job.h>

namespace sotto::tools {

// One line a text on job.out, in order: the class and its probability, or the number of a regression; with job.json one
// JSON object a line. Texts are read, and lines written, some hundred at a time. Throws UsageError for a run that is
// not of texts or has no model yet; DataError, with the line, for a text that is empty, not UTF-8 or too long, after
// the lines of the texts before it.
void predict_run(const TrainingJob& job);

}  // namespace sotto::tools
