#pragma once
// `sotto import`.

#include <CLI/App.hpp>
#include <iosfwd>

namespace sotto::tools {

void add_import_command(CLI::App& app, std::ostream& out, std::ostream& err, int& exit_code);

}  // namespace sotto::tools
