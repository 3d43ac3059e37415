// libFuzzer over ledger_input.h, see tools/fuzz.sh.

#include "ledger_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sotto::privacy::testing::take_ledger_input({data, size});
  return 0;
}
