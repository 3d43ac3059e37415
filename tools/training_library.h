#pragma once
// Loads libsotto_train.so when training is asked for, so that the program itself needs no LibTorch.

#include <sotto/tools/training_job.h>

namespace sotto::tools {

// Runs the job and returns its exit code (0, 130 or 143). Looks for the library in SOTTO_LIBRARY_PATH when that is set
// (a folder), otherwise beside the program, in ../lib and in the installation's library folder. Throws UsageError when
// it is missing, cannot be loaded or has another version, and the error of the job when that failed.
int run_training_job(const TrainingJob& job);

}  // namespace sotto::tools
