#pragma once
// `sotto verify RUN`: verification.h on the command line, without LibTorch.

#include <CLI/CLI.hpp>
#include <iosfwd>

namespace sotto::tools {

void add_verify_command(CLI::App& app, std::ostream& out, std::ostream& err, int& exit_code);

}  // namespace sotto::tools
