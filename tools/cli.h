#pragma once
// The command line of sotto as a function, so that tests can call it.

#include <iosfwd>

namespace sotto::tools {

// Parses and runs one command. Results go to `out`; an error is one sentence "sotto: ..." on `err`. Returns the exit
// code of privacy/error.h; never throws. A new command adds one line to the body and a file of its own.
int run_command_line(int argc, const char* const* argv, std::ostream& out, std::ostream& err);

}  // namespace sotto::tools
