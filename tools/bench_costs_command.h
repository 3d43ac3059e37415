#pragma once
// `sotto bench costs`: what this machine's kernels cost, by which strategies are chosen.

#include <CLI/CLI.hpp>
#include <iosfwd>

namespace sotto::tools {

// Adds `costs` to the command `bench`. Its callback reads or measures them in libsotto_train.so and prints them to
// `out`; it throws UsageError for bad values. `bench` must not outlive the others.
void add_bench_costs_command(CLI::App& bench, std::ostream& out, std::ostream& err, int& exit_code);

}  // namespace sotto::tools
