#pragma once
// `sotto explain`: whether a model can be trained privately, and why.

#include <CLI/CLI.hpp>
#include <iosfwd>

namespace sotto::tools {

void add_explain_command(CLI::App& app, std::ostream& out, std::ostream& err, int& exit_code);

}  // namespace sotto::tools
