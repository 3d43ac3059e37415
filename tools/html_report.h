#pragma once
// report.html: what is to be said of a training run, as one page that needs nothing beside it (html_page.h).
//
// A run with a certificate of privacy shows: its guarantee, with the sentences that may be quoted; what is covered and
// what is not; the learning curve; the clip norm where it moved; epsilon over the steps; noise against the largest
// signal; the whole certificate; the command and the files. Every value of the certificate stands in an element whose
// attribute data-field names its place in certificate.json (certificate_fields.h), in the text of that file.
//
// A run that is NOT PRIVATE says so in a red banner at the top, with the reason, and shows no epsilon and no delta: not
// the certificate's, not the curve's, not those of the evaluations. Its command is shown as it is: the budget in it was
// asked for, not reached, and the page says that.

#include <sotto/privacy/certificate.h>
#include <sotto/tools/epsilon_curve.h>
#include <sotto/tools/learning_curve.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace sotto::tools {

struct ReportFile {
  std::string name;    // in the folder of the run
  std::string sha256;  // 64 lower-case hexadecimal digits
};

struct HtmlReport {
  std::string name = {};                                 // of the run; not empty
  std::optional<privacy::Certificate> certificate = {};  // none: the run is NOT PRIVATE
  std::optional<std::string> not_private = {};           // the reason; the certificate's where there is one
  std::int64_t planned_steps = 0;                        // >= 1; the certificate's where there is one
  std::int64_t charged_after =
      0;  // steps that the ledger charged after its certificate; the page tells nothing of them
  std::vector<LearningPoint> learning_curve = {};  // on test records, treated as public
  std::vector<Metric> private_metrics = {};        // computed on private records; stamped NOT COVERED
  std::vector<EpsilonPoint> epsilon_curve = {};    // of the run's ledger; not looked at where the run is NOT PRIVATE
  std::int64_t trained_parameters = 0;             // numbers that are trained; 0 where it is not known
  std::string command = {};                        // repeats the run; not empty
  std::vector<ReportFile> files = {};
};

// Throws UsageError for an invalid certificate and for a report that contradicts itself: a run without a certificate or
// with evaluations that are NOT PRIVATE and no reason for it, another reason or other planned steps than the
// certificate's, an epsilon curve that does not grow or, rounded up as in the certificate, does not meet its figures at
// the planned and the executed steps, a step beyond the planned ones, a figure that is not finite, a hash that is none.
void validate(const HtmlReport& report);

// Why the run is NOT PRIVATE; nothing for a private one.
std::optional<std::string> reason_not_private(const HtmlReport& report);

// The page. Throws like validate().
std::string to_html(const HtmlReport& report);

// Through write_file_atomically; UsageError or IoError.
void write_html_report(const std::filesystem::path& path, const HtmlReport& report);

}  // namespace sotto::tools
