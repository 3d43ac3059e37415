// libFuzzer over table_input.h, see tools/fuzz.sh.

#include "table_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sotto::data::testing::take_table_input({data, size});
  return 0;
}
