#pragma once
// Whether the checkpoint of a private run is one that its ledger knows. The ledger holds the SHA-256 of every
// checkpoint, written before the file took its name, so that one which was changed, or is another run's, is told.

#include <sotto/privacy/ledger_contents.h>

#include <filesystem>
#include <string>

namespace sotto::tools {

// What the ledger says of the file with this SHA-256, which is to be taken before the ledger is read: then a run that
// goes on meanwhile is no contradiction. Throws DataError when the file was changed since it was written, or is no
// checkpoint; LedgerError when the ledger is of an earlier version, or does not hold the record that was written before
// the file: it was cut or belongs to another run.
privacy::LedgerCheckpoint anchored_checkpoint(const std::filesystem::path& checkpoint, const std::string& sha256,
                                              const privacy::LedgerContents& ledger);

}  // namespace sotto::tools
