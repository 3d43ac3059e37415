// libFuzzer over anchor_input.h, see tools/fuzz.sh.

#include "anchor_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sotto::tools::testing::take_anchor_input({data, size});
  return 0;
}
