// Makes the inputs of a report in a folder, and the report from them; for report_in_chromium.py.
//
//   write_report inputs KIND FOLDER   certificate.json and metrics.jsonl of a run: private, stopped, group, error,
//   long,
//                                     not_private; without_privacy has no certificate
//   write_report report FOLDER FILE   the report from what lies in the folder

#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/sha256.h>
#include <sotto/tools/file_text.h>

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>

#include "report_sample.h"

namespace sotto::tools::testing {
namespace {

constexpr const char* kWithoutPrivacy = "--rule none trains without clipping and without noise";

privacy::LedgerContents ledger_of(const std::string& kind) {
  privacy::LedgerContents ledger = sample_ledger(kind == "stopped" ? 400 : 1172);
  if (kind != "long") return ledger;
  ledger.header.steps = 1200000;
  ledger.header.event.sampling_rate = 2048.0 / 6000000;
  ledger.header.dataset_size = 6000000;
  ledger.spent = {{ledger.header.event, ledger.header.steps}};
  return ledger;
}

std::string line_of(const LearningPoint& point, const std::string& kind) {
  nlohmann::ordered_json line = {{"step", point.step}, {"epsilon_spent", nullptr}, {"accuracy", nullptr}};
  if (point.epsilon_spent) line["epsilon_spent"] = *point.epsilon_spent;
  if (kind == "error")
    line["root_mean_square_error"] = 1.7 - point.metrics[0].value;
  else
    for (const Metric& metric : point.metrics) line[metric.name] = metric.value;
  if (kind == "not_private" || kind == "without_privacy") line["not_private"] = kWithoutPrivacy;
  return line.dump() + "\n";
}

void write_inputs(const std::string& kind, const std::filesystem::path& folder) {
  const bool is_private = kind != "not_private" && kind != "without_privacy";
  const privacy::LedgerContents ledger = ledger_of(kind);
  privacy::Certificate certificate = sample_certificate(ledger);
  if (kind == "group") {
    certificate.group = "all texts with one value of the column \"author <name> & co\", at most 8 of them";
    certificate.not_covered.emplace_back("</li><script>alert('clauses are no markup')</script>");
  }
  if (kind == "not_private") certificate.not_private = "the seed of the noise is known & <i>printed</i>";
  if (kind != "without_privacy") privacy::write_certificate(folder / "certificate.json", certificate);
  std::string lines;
  for (const LearningPoint& point : sample_evaluations(ledger, is_private)) lines += line_of(point, kind);
  privacy::write_file_atomically(folder / "metrics.jsonl", std::string_view(lines));
}

void write_report(const std::filesystem::path& folder, const std::filesystem::path& file) {
  HtmlReport report{.name = "runs/<first> & \"second\"\nline", .planned_steps = 1172};
  report.command = "sotto train text --data 'a <b>.tsv' --labels \"no, yes\" \\\n    --note 'R&D' --output runs/first";
  if (const auto path = folder / "certificate.json"; std::filesystem::exists(path)) {
    report.certificate = privacy::parse_certificate(file_text(path));
    const privacy::Certificate& c = *report.certificate;
    report.planned_steps = c.planned.steps;
    if (!c.not_private) {
      privacy::LedgerContents ledger = sample_ledger(c.executed.steps);
      ledger.header.steps = c.planned.steps;
      ledger.header.event = {c.sampling_rate, {c.noise_multiplier}};
      ledger.spent = {{ledger.header.event, c.executed.steps}};
      report.epsilon_curve = epsilon_curve(ledger);
    }
  } else {
    report.not_private = kWithoutPrivacy;
  }
  report.learning_curve = read_learning_curve(folder / "metrics.jsonl");
  report.private_metrics = {{"accuracy", 0.9012}, {"mean_loss", 0.31337}};
  report.trained_parameters = 26010;
  for (const char* name : {"certificate.json", "metrics.jsonl"})
    if (const auto path = folder / name; std::filesystem::exists(path))
      report.files.push_back({name, privacy::sha256_hex(file_text(path))});
  write_html_report(file, report);
}

int run(std::span<char* const> words) {
  if (words.size() == 4 && std::string(words[1]) == "inputs") {
    write_inputs(words[2], words[3]);
    return 0;
  }
  if (words.size() == 4 && std::string(words[1]) == "report") {
    write_report(words[2], words[3]);
    return 0;
  }
  std::fputs("usage: write_report inputs KIND FOLDER | write_report report FOLDER FILE\n", stderr);
  return 64;
}

}  // namespace
}  // namespace sotto::tools::testing

int main(int count, char** words) {
  try {
    return sotto::tools::testing::run({words, static_cast<std::size_t>(count)});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 70;
  }
}
