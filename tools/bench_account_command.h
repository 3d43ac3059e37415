#pragma once
// `sotto bench account`: the accountant's speed, without LibTorch.

#include <CLI/CLI.hpp>
#include <iosfwd>

namespace sotto::tools {

// Adds `account` to the command `bench`. Its callback measures and prints to `out`; it throws UsageError for bad
// values. `out` must outlive `bench`.
void add_bench_account_command(CLI::App& bench, std::ostream& out);

}  // namespace sotto::tools
