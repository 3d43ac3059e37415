#pragma once
// An anchor of a ledger: how far it had come at some moment, kept outside the run's folder. A ledger that does not hold
// the anchored line was wound back, cut, or is another's; from inside the folder that could not be seen.
//
//   {"sotto_anchor":1,"run":"3a240727-...","steps":1000,"head_hash":"163c17..."}

#include <sotto/privacy/ledger_contents.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace sotto::tools {

struct LedgerAnchor {
  std::string run;         // LedgerHeader::run
  std::int64_t steps = 0;  // charged by then
  std::string head_hash;   // LedgerContents::head_hash by then
};

LedgerAnchor anchor_of(const privacy::LedgerContents& ledger);
// With a line feed at its end.
std::string to_json(const LedgerAnchor& anchor);
// Inverse of to_json, and only of what it writes. Throws DataError.
LedgerAnchor parse_anchor(std::string_view text);
LedgerAnchor read_anchor(const std::filesystem::path& path);

}  // namespace sotto::tools
