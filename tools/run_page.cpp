#include <fmt/format.h>
#include <sotto/models/safetensors.h>
#include <sotto/privacy/certificate.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/ledger_contents.h>
#include <sotto/tools/file_text.h>
#include <sotto/tools/run_files.h>
#include <sotto/tools/run_options.h>
#include <sotto/tools/run_page.h>

#include <functional>
#include <numeric>
#include <optional>
#include <string_view>

namespace sotto::tools {
namespace {

constexpr std::string_view kMark = "NOT PRIVATE: ";

bool leads_to_file(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// What is trained is in the checkpoint under this beginning of its name.
std::int64_t trained_parameters(const RunFolder& folder) {
  if (!leads_to_file(folder.checkpoint())) return 0;
  std::int64_t total = 0;
  const models::SafetensorsFile checkpoint = models::SafetensorsFile::map(folder.checkpoint());
  for (const models::TensorView& tensor : checkpoint.tensors())
    if (tensor.name.starts_with("model."))
      total += std::accumulate(tensor.shape.begin(), tensor.shape.end(), std::int64_t{1}, std::multiplies<>());
  return total;
}

std::string reason_of(const RunFolder& folder) {
  std::string text = file_text(folder.not_private());
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.starts_with(kMark) ? text.substr(kMark.size()) : text;
}

// What the ledger says of the run that the certificate is of, and how far it went on since.
void take_ledger(HtmlReport& report, const RunFolder& folder) {
  const privacy::Certificate& c = *report.certificate;
  const std::string text = file_text(folder.ledger());
  const privacy::LedgerContents now = privacy::parse_ledger(text, folder.ledger().string());
  const std::optional<privacy::LedgerContents> then = privacy::ledger_until(text, c.ledger_head_hash);
  if (!then || then->steps_charged() != c.executed.steps)
    throw DataError(fmt::format("[report] {} is not of the ledger beside it; 'sotto verify {}' tells more",
                                folder.certificate().string(), folder.path().string()));
  report.charged_after = now.steps_charged() - then->steps_charged();
  // Of the best of several runs the ledger's own curve would say less than was spent.
  if (!c.not_private && !c.selection) report.epsilon_curve = epsilon_curve(*then);
}

}  // namespace

HtmlReport report_of(const RunFolder& folder) {
  const TrainOptions options = run_options(folder);
  HtmlReport report;
  report.name = folder.path().lexically_normal().filename().string();
  if (report.name.empty() || report.name == ".")
    report.name = std::filesystem::absolute(folder.path()).filename().string();
  if (leads_to_file(folder.certificate())) {
    report.certificate = privacy::parse_certificate(file_text(folder.certificate()));
    report.not_private = report.certificate->not_private;
    report.planned_steps = report.certificate->planned.steps;
    take_ledger(report, folder);
    for (const auto& [name, hash] : report.certificate->files) report.files.push_back({name, hash});
  } else if (leads_to_file(folder.not_private())) {
    report.not_private = reason_of(folder);
    report.planned_steps = options.steps.value_or(0);
    for (const auto& [name, hash] : run_file_hashes(folder)) report.files.push_back({name, hash});
  } else {
    throw UsageError(fmt::format("[report] {} has no certificate yet; finish the run with 'sotto resume {}'",
                                 folder.path().string(), folder.path().string()));
  }
  if (leads_to_file(folder.metrics())) report.learning_curve = read_learning_curve(folder.metrics());
  if (report.certificate)
    std::erase_if(report.learning_curve,
                  [&](const LearningPoint& point) { return point.step > report.certificate->executed.steps; });
  report.trained_parameters = trained_parameters(folder);
  report.command =
      fmt::format("sotto train {}--config config.toml --output again", trains_texts(options) ? "text " : "");
  return report;
}

void write_run_page(const RunFolder& folder) {
  write_html_report(folder.page(), report_of(folder));
}

}  // namespace sotto::tools
