#pragma once
// Ledgers of schema 2 made of any bytes, with the hashes that belong to their lines, so that what a reader checks
// behind the hashes is reached; and what has to become of them, by the rules of ledger_contents.h alone.
//
// The bytes choose the kinds of lines and their values: those at the limits, just beyond them, and texts that say the
// right value in another way. Nothing here uses the reader or the writer of ledgers.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "../../support/fuzz_bytes.h"

namespace sotto::privacy::testing {

// Steps by sampling rate and noise multiplier.
using StepsByRelease = std::map<std::pair<double, double>, std::int64_t>;

struct MadeLedger {
  std::string text;
  bool allowed = false;       // whether it is a ledger at all
  std::int64_t complete = 0;  // lines
  bool torn = false;          // an incomplete line follows
  std::int64_t last_step = -1;
  std::int64_t evaluations = 0;
  StepsByRelease spent;  // where it is allowed
};

MadeLedger make_ledger(sotto::testing::FuzzBytes& bytes);

// `text` with the hashes, in every complete line, that belong to it: of schema 1 or 2 as its first line says.
std::string with_right_hashes(std::string_view text);

}  // namespace sotto::privacy::testing
