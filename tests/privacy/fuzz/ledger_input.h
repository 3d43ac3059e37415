#pragma once
// Ledgers out of any bytes, for the fuzzers:
//
//   byte 0     what the rest is: 0 the text of a ledger; 1 such a text, in which all hashes are put right; 2 choices
//              for make_ledger() (modulo 3)
//   byte 1, 2  where an accepted ledger is cut

#include <cstdint>
#include <span>

namespace sotto::privacy::testing {

// Refused with a LedgerError, or what parse_ledger and ledger_until say of the ledger, and of the same ledger cut
// there, is what ledger_contents.h promises; and a ledger that make_ledger() made is accepted when it says so, and only
// then. Otherwise the program ends. With `cuts` above 1 it is cut at that many places.
void take_ledger_input(std::span<const std::uint8_t> bytes, int cuts = 1);

}  // namespace sotto::privacy::testing
