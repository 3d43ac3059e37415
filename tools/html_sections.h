#pragma once
// The sections of report.html, in the order in which they stand there. Each is well-formed markup, or empty where there
// is nothing to say; the report is valid (html_report.h), and `fields` are those of its certificate.

#include <sotto/tools/certificate_fields.h>
#include <sotto/tools/html_report.h>

#include <string>

namespace sotto::tools {

// NOT PRIVATE and why, in red. `fields` is null where there is no certificate.
std::string banner(const HtmlReport& report, const CertificateFields* fields);
// Epsilon, delta, steps, unit, and the sentences to quote. Of a private run.
std::string guarantee(const HtmlReport& report, const CertificateFields& fields);
// What is covered and what is not. Of a private run.
std::string coverage(const CertificateFields& fields);
// Metrics on public test records, and those on private ones with their stamp.
std::string learning(const HtmlReport& report);
// Of a run with the rule adaptive.
std::string clip_norm_over_steps(const HtmlReport& report);
// Of a private run.
std::string epsilon_over_steps(const HtmlReport& report);
std::string noise_and_signal(const HtmlReport& report, const CertificateFields& fields);
// Every field; of a run that is NOT PRIVATE only those that are known to claim nothing.
std::string whole_certificate(const HtmlReport& report, const CertificateFields& fields);
std::string repetition(const HtmlReport& report);
std::string files(const HtmlReport& report);

}  // namespace sotto::tools
