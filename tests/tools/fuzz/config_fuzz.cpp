// libFuzzer over config_input.h, see tools/fuzz.sh.

#include "config_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sotto::tools::testing::take_config_input({data, size});
  return 0;
}
