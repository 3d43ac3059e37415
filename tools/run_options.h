#pragma once
// The options of a run that exists.

#include <sotto/tools/run_folder.h>
#include <sotto/tools/train_options.h>

namespace sotto::tools {

// From its config.toml, with the paths of what the run holds itself. Throws UsageError when there is no run.
TrainOptions run_options(const RunFolder& folder);

}  // namespace sotto::tools
