#include <fmt/format.h>
#include <sotto/models/safetensors.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/sha256.h>
#include <sotto/tools/checkpoint_anchor.h>

#include <algorithm>

namespace sotto::tools {

privacy::LedgerCheckpoint anchored_checkpoint(const std::filesystem::path& checkpoint,
                                              const privacy::LedgerContents& ledger) {
  std::error_code ignored;
  if (!std::filesystem::exists(checkpoint, ignored))
    throw UsageError(
        fmt::format("[resume] there is no checkpoint {}: this run cannot be continued", checkpoint.string()));
  const std::string hash = privacy::sha256_of_file(checkpoint);
  const auto& known = ledger.checkpoints;
  if (const auto found = std::ranges::find(known, hash, &privacy::LedgerCheckpoint::sha256); found != known.end())
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
