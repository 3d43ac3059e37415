#include <sotto/tools/cli.h>
#include <sotto/tools/keep_freed_memory.h>

#include <csignal>
#include <iostream>

int main(int argc, char** argv) {
  sotto::tools::keep_freed_memory();
  std::signal(SIGXFSZ, SIG_IGN);  // a file at its limit is an error like a full disk
  return sotto::tools::run_command_line(argc, argv, std::cout, std::cerr);
}
