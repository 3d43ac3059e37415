#pragma once
// `sotto account epsilon | delta | noise | steps | rate | rdp | compose | compare | curve`: what a run costs, or what a
// budget allows, without running anything.

#include <CLI/CLI.hpp>
#include <iosfwd>

namespace sotto::tools {

// Adds the command to `app`. Its callbacks print results to `out` and warnings to `err`, and throw UsageError naming
// the flag for bad values and for budgets that cannot be met. `out` and `err` must outlive `app`.
void add_account_command(CLI::App& app, std::ostream& out, std::ostream& err);

}  // namespace sotto::tools
