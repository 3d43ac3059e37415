#pragma once
// `sotto train`, `sotto resume` and `sotto evaluate`. Flags, configuration and the plan are checked here, without
// LibTorch; the work is done by libsotto_train.so.

#include <CLI/CLI.hpp>
#include <iosfwd>

namespace sotto::tools {

// Adds the three commands to `app`. A callback sets `exit_code` to 0, or to 130 or 143 when a signal stopped the run,
// and throws the errors of the run. The references must outlive `app`.
void add_train_commands(CLI::App& app, std::ostream& out, std::ostream& err, int& exit_code);

}  // namespace sotto::tools
