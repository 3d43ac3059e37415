// oracle_query q sigma T delta: the exact epsilon, 20 digits, both sides and their larger one. Not installed.

#include <cstdio>
#include <cstdlib>
#include <exception>

#include "exact_epsilon.h"

namespace {

void print(const char* name, const sotto::oracle::Answer& answer) {
  std::printf("%-7s %s\n", name, answer ? answer->str(20).c_str() : "UNDECIDED");
}

}  // namespace

int main(int argc, char** argv) {
  using namespace sotto::oracle;
  if (argc != 5) {
    std::fprintf(stderr, "usage: oracle_query SAMPLING_RATE NOISE_MULTIPLIER STEPS DELTA\n");
    return 64;
  }
  try {
    const Release release{Real(argv[1]), Real(argv[2]), std::atoll(argv[3])};
    const Real delta(argv[4]);
    print("remove", exact_epsilon(release, Side::remove, delta));
    print("add", exact_epsilon(release, Side::add, delta));
    print("larger", exact_epsilon(release, delta));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "oracle_query: %s\n", error.what());
    return 64;
  }
}
