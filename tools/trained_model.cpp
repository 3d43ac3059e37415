#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sotto/privacy/certificate.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/ledger_contents.h>
#include <sotto/privacy/sha256.h>
#include <sotto/tools/file_text.h>
#include <sotto/tools/trained_model.h>

#include <filesystem>
#include <ostream>

namespace sotto::tools {

void require_model(const std::string& command, const RunFolder& folder) {
  std::error_code ignored;
  if (!std::filesystem::exists(folder.model(), ignored))
    throw UsageError(fmt::format("[{}] {} holds no model yet; finish the run with 'sotto resume {}'", command,
                                 folder.path().string(), folder.path().string()));
}

void warn_of_unfinished(const RunFolder& folder, std::ostream& err) {
  std::error_code ignored;
  if (!std::filesystem::exists(folder.ledger(), ignored) || !std::filesystem::exists(folder.certificate(), ignored))
    return;
  const std::string text = file_text(folder.certificate());
  const privacy::Certificate certificate = privacy::parse_certificate(text);
  const privacy::LedgerContents ledger = privacy::read_ledger(folder.ledger());
  const bool current = ledger.schema == 1 ? certificate.ledger_head_hash == ledger.head_hash
                                          : ledger.ends_with_certificate(privacy::sha256_hex(text));
  if (!current)
    err << fmt::format(
        "sotto: warning: the ledger of {} went on after certificate.json and the model were written; "
        "finish the run with 'sotto resume {}' before you quote either\n",
        folder.path().string(), folder.path().string());
  else if (certificate.executed.steps < certificate.planned.steps && !certificate.stopped_after_evaluations)
    err << fmt::format("sotto: note: {} was stopped after {} of {} steps; 'sotto resume {}' goes on\n",
                       folder.path().string(), certificate.executed.steps, certificate.planned.steps,
                       folder.path().string());
}

void load_weights(const std::string& command, const RunFolder& folder, const RecordShape& shape,
                  const models::TrainableModel& model) {
  const at::NoGradGuard no_grad;
  try {
    models::load_state(folder.model(), model.state());
  } catch (const DataError& error) {
    throw DataError(fmt::format("[{}] the model of this run does not take records of sizes [{}]: {}", command,
                                fmt::join(shape.sizes, ", "), error.what()));
  }
}

}  // namespace sotto::tools
