#include <sotto/tools/cli.h>
#include <sotto/tools/keep_freed_memory.h>

#include <iostream>

int main(int argc, char** argv) {
  sotto::tools::keep_freed_memory();
  return sotto::tools::run_command_line(argc, argv, std::cout, std::cerr);
}
