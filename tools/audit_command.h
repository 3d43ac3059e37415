#pragma once
// `sotto audit RUN`.

#include <CLI/CLI.hpp>
#include <iosfwd>

namespace sotto::tools {

void add_audit_command(CLI::App& app, std::ostream& out, std::ostream& err, int& exit_code);

}  // namespace sotto::tools
