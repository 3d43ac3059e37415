#pragma once
// `sotto sign RUN`: an Ed25519 signature of a run's certificate (privacy/signature.h).

#include <CLI/CLI.hpp>
#include <iosfwd>

namespace sotto::tools {

void add_sign_command(CLI::App& app, std::ostream& out, int& exit_code);

}  // namespace sotto::tools
