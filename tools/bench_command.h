#pragma once
// `sotto bench`: `step`, one private step against one plain step of the same network, `costs` (bench_costs_command.h)
// and `account` (bench_account_command.h).

#include <CLI/CLI.hpp>
#include <iosfwd>

namespace sotto::tools {

// Adds the command to `app`. The callback of `step` runs the measurement in libsotto_train.so and prints the result to
// `out`; it throws UsageError for bad values. `out` and `err` must outlive `app`.
void add_bench_command(CLI::App& app, std::ostream& out, std::ostream& err, int& exit_code);

}  // namespace sotto::tools
