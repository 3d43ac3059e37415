// libFuzzer over picture_input.h, see tools/fuzz.sh.

#include "picture_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sotto::data::testing::take_picture_input({data, size});
  return 0;
}
