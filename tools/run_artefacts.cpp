#include <fmt/format.h>
#include <sotto/models/state.h>
#include <sotto/privacy/certificate.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/sha256.h>
#include <sotto/tools/file_text.h>
#include <sotto/tools/run_artefacts.h>
#include <sotto/tools/run_certificate.h>
#include <sotto/tools/run_files.h>
#include <sotto/tools/run_page.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace sotto::tools {
namespace {

constexpr const char* kAppliedSteps = "applied_steps";

// What another program needs beside the weights.
models::Metadata text_metadata(const DeclaredText& text, const TrainOptions& o) {
  const data::LabelRule& labels = text.labels();
  models::Metadata result = {{"labels", labels.text()}, {"max_tokens", fmt::format("{}", text.max_tokens)}};
  if (labels.is_range())
    result["outputs"] = "-1 to 1 stand for the range of the labels";
  else
    result["classes"] = nlohmann::json(labels.class_names()).dump();
  if (!text.from_scratch) result["pooling"] = o.pooling;
  return result;
}

// Without the folders of this machine.
std::string model_name(const RunArtefacts& run) {
  if (!run.inputs.graph.empty()) return "graph.ts";
  const std::filesystem::path path = run.options.model;
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

models::Metadata metadata_of(const RunArtefacts& run) {
  models::Metadata result = {{"model", model_name(run)}};
  result["input_scaling"] = input_scaling(run.plan.data);
  result[kAppliedSteps] = fmt::format("{}", run.applied_steps);
  if (run.plan.data.text) result.merge(text_metadata(*run.plan.data.text, resolved(run.options, run.plan)));
  const std::string hash = run.inputs.model_sha256();
  if (!hash.empty()) result["model_file_sha256"] = hash;
  return result;
}

void write_plain(const RunArtefacts& run) {
  models::TrainableModel& model = *run.inputs.model;
  models::Metadata metadata = metadata_of(run);
  metadata["privacy"] = "NOT PRIVATE: " + run.plan.not_private;
  if (model.has_file()) model.write_file(run.folder.script(), folder_certificates(run.folder.path()));
  models::save_state(run.folder.model(), model.state(), metadata);
  write_run_page(run.folder);
}

}  // namespace

void write_artefacts(const RunArtefacts& run) {
  if (run.training == nullptr) return write_plain(run);
  const RunFolder& folder = run.folder;
  std::error_code ignored;
  for (const auto& file : {folder.signature(), folder.certificate()}) std::filesystem::remove(file, ignored);
  models::TrainableModel& model = *run.inputs.model;
  privacy::Certificate certificate =
      run_certificate(run.options, run.plan, *run.training, run.inputs.model_sha256(), run.inputs.base);
  if (run.stopped_early) certificate.stopped_after_evaluations = run.options.stop_early;
  models::Metadata metadata = metadata_of(run);
  metadata["privacy"] = privacy::statement(certificate);
  models::save_state(folder.model(), model.state(), metadata);
  if (model.has_file()) {
    // The certificate within it cannot tell its hash.
    certificate.files = run_file_hashes(folder);
    certificate.files.erase(folder.script().filename().string());
    Certificates certificates = folder_certificates(folder.path());
    certificates[folder.certificate().filename().string()] = privacy::to_json(certificate);
    model.write_file(folder.script(), certificates);
  }
  certificate.files = run_file_hashes(folder);
  privacy::write_certificate(folder.certificate(), certificate,
                             [&](const std::string& sha256) { run.training->record_certificate(sha256); });
  write_run_page(folder);
}

bool is_finished(const RunFolder& folder, const TrainingPlan& plan, const RunCheckpoint& state) {
  std::error_code ignored;
  if (!plan.privacy) {
    if (state.applied_steps < plan.steps || !std::filesystem::exists(folder.model(), ignored)) return false;
    const models::Metadata metadata = models::SafetensorsFile::map(folder.model()).metadata();
    const auto applied = metadata.find(kAppliedSteps);
    return applied != metadata.end() && applied->second == fmt::format("{}", state.applied_steps);
  }
  if (!std::filesystem::exists(folder.certificate(), ignored)) return false;
  const std::string text = file_text(folder.certificate()), hash = privacy::sha256_hex(text);
  const privacy::LedgerContents ledger = privacy::read_ledger(folder.ledger());
  if (std::ranges::find(ledger.certificates, hash, &privacy::LedgerCertificate::sha256) == ledger.certificates.end()) {
    const privacy::Certificate certificate = privacy::parse_certificate(text);
    if (!privacy::ledger_until(file_text(folder.ledger()), certificate.ledger_head_hash) ||
        ledger.head_hash == certificate.ledger_head_hash)
      throw LedgerError(
          fmt::format("[resume] the ledger {} does not hold the certificate beside it: it was cut or wound back, or "
                      "belongs to another run",
                      folder.ledger().string()));
    throw DataError(
        fmt::format("[resume] {} was changed since it was written; remove it, and the run that goes on writes "
                    "another",
                    folder.certificate().string()));
  }
  if (!ledger.ends_with_certificate(hash)) return false;
  return ledger.steps_charged() >= ledger.header.steps || privacy::parse_certificate(text).stopped_after_evaluations;
}

}  // namespace sotto::tools
