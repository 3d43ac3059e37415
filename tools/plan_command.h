#pragma once
// `sotto plan`: what a privacy budget buys for a number of records and of trained parameters.

#include <CLI/CLI.hpp>
#include <iosfwd>

namespace sotto::tools {

// Adds the command to `app`. Its callback prints the table or the JSON to `out`, warnings and progress to `err`, and
// throws UsageError naming the flag for bad values. `out` and `err` must outlive `app`.
void add_plan_command(CLI::App& app, std::ostream& out, std::ostream& err);

}  // namespace sotto::tools
