#include <fmt/format.h>
#include <sotto/models/safetensors.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/checkpoint_anchor.h>

#include <algorithm>

namespace sotto::tools {

privacy::LedgerCheckpoint anchored_checkpoint(const std::filesystem::path& checkpoint, const std::string& sha256,
                                              const privacy::LedgerContents& ledger) {
  if (ledger.schema == 1)
    throw LedgerError(
        "[checkpoint] the run was begun by an earlier version of sotto, whose ledger holds no hash of its checkpoint: "
        "it "
        "can be verified, and is continued by that version alone");
  const auto& known = ledger.checkpoints;
  if (const auto found = std::ranges::find(known, sha256, &privacy::LedgerCheckpoint::sha256); found != known.end())
    return *found;
  const models::Metadata metadata = models::SafetensorsFile::read(checkpoint).metadata();
  const auto head = metadata.find("ledger_head");
  if (head == metadata.end())
    throw DataError(fmt::format("[checkpoint] {} is not a checkpoint: it has no 'ledger_head'", checkpoint.string()));
  // A record of the checkpoint follows the one that was the ledger's last.
  if (std::ranges::find(known, head->second, &privacy::LedgerCheckpoint::after) == known.end())
    throw LedgerError(
        fmt::format("[checkpoint] the ledger does not hold the record that was written before {}: it was cut or "
                    "belongs to another run",
                    checkpoint.string()));
  throw DataError(fmt::format("[checkpoint] {} was changed since it was written: the ledger does not hold its SHA-256",
                              checkpoint.string()));
}

}  // namespace sotto::tools
