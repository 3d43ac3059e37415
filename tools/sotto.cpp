#include <sotto/tools/cli.h>

#include <iostream>

int main(int argc, char** argv) {
  return sotto::tools::run_command_line(argc, argv, std::cout, std::cerr);
}
