// libFuzzer over costs_input.h, see tools/fuzz.sh.

#include "costs_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sotto::tools::testing::take_costs_input({data, size});
  return 0;
}
