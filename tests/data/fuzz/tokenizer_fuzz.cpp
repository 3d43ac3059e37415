// libFuzzer over tokenizer_input.h, see tools/fuzz.sh.

#include "tokenizer_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sotto::data::testing::take_tokenizer_input({data, size});
  return 0;
}
