// libFuzzer over safetensors_input.h, see tools/fuzz.sh.

#include "safetensors_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sotto::models::testing::take_safetensors_input({data, size});
  return 0;
}
