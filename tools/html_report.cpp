#include <fmt/format.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/certificate_text.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/sha256.h>
#include <sotto/tools/html_page.h>
#include <sotto/tools/html_report.h>
#include <sotto/tools/html_sections.h>
#include <sotto/tools/html_text.h>

#include <cmath>
#include <optional>

namespace sotto::tools {
namespace {

using privacy::certificate_text::rounded_up;

[[noreturn]] void refuse(const std::string& what) {
  throw UsageError("[HtmlReport] " + what);
}

void check_reason(const HtmlReport& report) {
  if (report.not_private && report.not_private->empty()) refuse("not_private: empty; a reason must be stated");
  if (!report.certificate) {
    if (!report.not_private) refuse("no certificate: the run is NOT PRIVATE, and the reason must be stated");
    return;
  }
  privacy::validate(*report.certificate);
  if (report.not_private && report.not_private != report.certificate->not_private)
    refuse(
        fmt::format("not_private: '{}'; the certificate says {}", *report.not_private,
                    report.certificate->not_private ? "'" + *report.certificate->not_private + "'" : "nothing of it"));
}

void check_metrics(const std::vector<Metric>& metrics) {
  for (const Metric& metric : metrics)
    if (metric.name.empty() || !std::isfinite(metric.value))
      refuse(fmt::format("metric '{}': {}; must have a name and a finite value", metric.name, metric.value));
}

void check_learning_curve(const HtmlReport& report) {
  std::int64_t before = -1;
  for (const LearningPoint& point : report.learning_curve) {
    if (point.step <= before || point.step > report.planned_steps)
      refuse(fmt::format("evaluation at step {} after {}; steps must grow, from 0 to the planned {}", point.step,
                         before, report.planned_steps));
    if (point.not_private && !reason_not_private(report))
      refuse(fmt::format("the evaluation at step {} says NOT PRIVATE: {}; the certificate does not", point.step,
                         *point.not_private));
    if (point.epsilon_spent && !(std::isfinite(*point.epsilon_spent) && *point.epsilon_spent >= 0))
      refuse(
          fmt::format("epsilon_spent {} at step {}; must be finite and at least 0", *point.epsilon_spent, point.step));
    if (point.clip_norm && !(std::isfinite(*point.clip_norm) && *point.clip_norm > 0))
      refuse(fmt::format("clip_norm {} at step {}; must be finite and above 0", *point.clip_norm, point.step));
    check_metrics(point.metrics);
    before = point.step;
  }
}

// What is shown of the curve may not be less than what is certified.
void check_epsilon_curve(const HtmlReport& report) {
  const privacy::Certificate& certificate = *report.certificate;
  EpsilonPoint before{.step = 0, .epsilon = 0, .executed = true};
  bool planned = false, executed = certificate.executed.steps == 0;
  for (const EpsilonPoint& point : report.epsilon_curve) {
    if (point.step <= before.step || !std::isfinite(point.epsilon) || point.epsilon < before.epsilon)
      refuse(fmt::format("epsilon {} at step {} after {} at {}; neither may fall", point.epsilon, point.step,
                         before.epsilon, before.step));
    if (point.executed != (point.step <= certificate.executed.steps))
      refuse(fmt::format("epsilon_curve: step {} is {}; the certificate says {} steps were executed", point.step,
                         point.executed ? "executed" : "planned", certificate.executed.steps));
    for (const privacy::CertifiedFigure* figure : {&certificate.planned, &certificate.executed}) {
      if (point.step != figure->steps) continue;
      (figure == &certificate.planned ? planned : executed) = true;
      // After all steps an evaluation may be missing: the curve shows what was planned.
      if (figure == &certificate.executed && figure->steps == certificate.planned.steps) continue;
      if (rounded_up(point.epsilon) != rounded_up(figure->epsilon))
        refuse(fmt::format("epsilon_curve: {} at step {}; the certificate says {}", rounded_up(point.epsilon),
                           point.step, rounded_up(figure->epsilon)));
    }
    before = point;
  }
  if (!report.epsilon_curve.empty() && (!planned || !executed || before.step != certificate.planned.steps))
    refuse("epsilon_curve: must have a point at the executed steps and end at the planned ones");
}

}  // namespace

std::optional<std::string> reason_not_private(const HtmlReport& report) {
  return report.certificate ? report.certificate->not_private : report.not_private;
}

void validate(const HtmlReport& report) {
  if (report.name.empty()) refuse("name: empty; must be stated");
  if (report.command.empty()) refuse("command: empty; must be stated");
  check_reason(report);
  if (report.planned_steps < 1) refuse(fmt::format("planned_steps: {}; must be at least 1", report.planned_steps));
  if (report.certificate && report.planned_steps != report.certificate->planned.steps)
    refuse(fmt::format("planned_steps: {}; the certificate says {}", report.planned_steps,
                       report.certificate->planned.steps));
  if (report.trained_parameters < 0)
    refuse(fmt::format("trained_parameters: {}; must be at least 0", report.trained_parameters));
  check_learning_curve(report);
  check_metrics(report.private_metrics);
  if (!reason_not_private(report)) check_epsilon_curve(report);
  for (const ReportFile& file : report.files)
    if (file.name.empty() || !privacy::is_sha256_hex(file.sha256))
      refuse(fmt::format("file '{}': '{}'; must have a name and 64 lower-case hexadecimal digits", file.name,
                         file.sha256));
}

std::string to_html(const HtmlReport& report) {
  validate(report);
  const bool is_private = !reason_not_private(report);
  std::optional<CertificateFields> fields;
  if (report.certificate) fields.emplace(*report.certificate);
  std::string body = "<header>\n" + (is_private ? "" : banner(report, fields ? &*fields : nullptr)) +
                     fmt::format("<p class=\"kind\">Report of a training run</p>\n<h1>{}</h1>\n</header>\n<main>\n",
                                 html_escaped(report.name));
  if (is_private) body += guarantee(report, *fields) + coverage(*fields);
  body += learning(report) + clip_norm_over_steps(report);
  if (is_private) body += epsilon_over_steps(report);
  if (fields) body += noise_and_signal(report, *fields) + whole_certificate(report, *fields);
  body += repetition(report) + files(report) + "</main>\n" + "<footer><p>Written by sotto " +
          html_escaped(SOTTO_VERSION) + ". This file loads nothing from anywhere, and forbids it.</p></footer>\n";
  const std::string title = (is_private ? "" : "NOT PRIVATE: ") + report.name;
  return html_page(title, body);
}

void write_html_report(const std::filesystem::path& path, const HtmlReport& report) {
  privacy::write_file_atomically(path, std::string_view(to_html(report)));
}

}  // namespace sotto::tools
