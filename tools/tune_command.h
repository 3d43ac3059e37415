#pragma once
// `sotto tune`: the best of several private runs, its choice paid for.

#include <CLI/CLI.hpp>
#include <iosfwd>

namespace sotto::tools {

// Adds the command to `app`; `out` and `err` must outlive it. Its callback sets `exit_code`.
void add_tune_command(CLI::App& app, std::ostream& out, std::ostream& err, int& exit_code);

}  // namespace sotto::tools
