#pragma once
// `sotto report RUN`: run_page.h on the command line.

#include <CLI/CLI.hpp>
#include <iosfwd>

namespace sotto::tools {

void add_report_command(CLI::App& app, std::ostream& out, int& exit_code);

}  // namespace sotto::tools
