// libFuzzer over text_input.h, see tools/fuzz.sh.

#include "text_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sotto::data::testing::take_text_input({data, size});
  return 0;
}
