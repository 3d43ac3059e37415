// libFuzzer over events_input.h, see tools/fuzz.sh.

#include "events_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sotto::privacy::testing::take_events_input({data, size});
  return 0;
}
