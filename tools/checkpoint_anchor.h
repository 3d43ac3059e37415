#pragma once
// Whether the checkpoint of a private run is one that its ledger knows. The ledger holds the SHA-256 of every
// checkpoint, written before the file took its name, so that one which was changed, or is another run's, is told.

#include <sotto/privacy/ledger_contents.h>

#include <filesystem>

namespace sotto::tools {

// What the ledger says of the file. Throws UsageError when there is no such file; DataError when it was changed since
// it was written, or is no checkpoint; LedgerError when the ledger does not hold the record that was written before the
// file: it was cut or belongs to another run.
privacy::LedgerCheckpoint anchored_checkpoint(const std::filesystem::path& checkpoint,
                                              const privacy::LedgerContents& ledger);

}  // namespace sotto::tools
