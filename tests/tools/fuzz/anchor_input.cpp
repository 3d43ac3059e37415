#include "anchor_input.h"

#include <sotto/privacy/error.h>
#include <sotto/privacy/sha256.h>
#include <sotto/tools/ledger_anchor.h>

#include <algorithm>
#include <optional>
#include <string>

#include "../../support/fuzz_bytes.h"

namespace sotto::tools::testing {

void take_anchor_input(std::span<const std::uint8_t> bytes) {
  using sotto::testing::check;
  const std::string given(bytes.begin(), bytes.end());
  std::optional<LedgerAnchor> read;
  try {
    read = parse_anchor(given);
  } catch (const DataError&) {
    return;
  }
  check(to_json(*read) == given && std::ranges::count(given, '\n') == 1 && given.ends_with('\n'));
  check(read->steps >= 0 && privacy::is_sha256_hex(read->head_hash));
}

}  // namespace sotto::tools::testing
