#pragma once
// `sotto export`.

#include <CLI/App.hpp>
#include <iosfwd>

namespace sotto::tools {

void add_export_command(CLI::App& app, std::ostream& out, std::ostream& err, int& exit_code);

}  // namespace sotto::tools
