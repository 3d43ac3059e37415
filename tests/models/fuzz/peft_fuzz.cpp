// libFuzzer over peft_input.h, see tools/fuzz.sh.

#include "peft_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sotto::models::testing::take_peft_input({data, size});
  return 0;
}
