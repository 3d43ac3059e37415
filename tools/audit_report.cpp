#include <fmt/format.h>
#include <sotto/optim/neighbour_replay.h>
#include <sotto/optim/noise_check.h>
#include <sotto/optim/sampler_check.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/audit_report.h>
#include <sotto/tools/numbers.h>
#include <sotto/tools/progress.h>
#include <sotto/tools/slow_notice.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <ostream>

namespace sotto::tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t kSeed = 1;  // of made-up records and of coins that are repeated
constexpr int64_t kMostRecords = 10'000;

std::string canary_text(const optim::CanaryAudit& audit, double delta) {
  const privacy::OneRunCounts& counts = audit.bound.counts;
  return fmt::format(
      "{} canaries, {} of them there: {} of {} guesses right. Epsilon is at least {} with confidence {}, at delta {}; "
      "stated is {}",
      audit.canaries, audit.included, counts.correct, counts.guesses,
      format_rounded_down(audit.bound.epsilon, kShownDigits), audit.confidence, delta,
      format_rounded_up(audit.epsilon, kShownDigits));
}

std::string replay_text(const optim::MechanismReplays& replays) {
  const privacy::ThresholdAudit& audit = replays.audit;
  return fmt::format(
      "{} of {} releases with a record and {} of {} without one are over the threshold. The record stands at least {} "
      "standard deviations of the noise out of it with confidence {}; stated is {}",
      audit.d.events, audit.d.runs, audit.d_prime.events, audit.d_prime.runs,
      format_rounded_down(audit.mu, kShownDigits), replays.confidence, format_rounded_up(replays.mu, kShownDigits));
}

}  // namespace

bool AuditReport::holds() const {
  return std::ranges::all_of(findings, &optim::AuditFinding::holds) && (!replays || replays->holds()) &&
         (!canaries || canaries->holds());
}

AuditReport audit_training(const optim::AuditedTraining& training, const AuditFlags& flags, std::ostream& err) {
  const auto begin = std::chrono::steady_clock::now();
  AuditReport report;
  report.delta = training.options.plan.delta();
  const auto add = [&](std::vector<optim::AuditFinding> found) {
    report.findings.insert(report.findings.end(), found.begin(), found.end());
  };
  {
    const SlowNotice notice(err, "auditing the private step on made-up records ...");
    add(optim::replay_neighbours(training, kSeed));
    add(optim::check_noise(training));
    add(optim::check_sampler(training));
  }
  if (flags.replays > 0) {
    const SlowNotice notice(err, "replaying the mechanism ...");
    report.replays = optim::replay_mechanism(training, {.replays = flags.replays, .confidence = flags.confidence});
  }
  if (flags.canaries > 0) {
    const privacy::PrivacyPlan& plan = training.options.plan;
    Progress progress(err, ::isatty(STDERR_FILENO) != 0, 0, plan.steps());
    report.canaries = optim::audit_with_canaries(
        training, {.canaries = flags.canaries,
                   .records = flags.records >= 0 ? flags.records : std::min(plan.dataset_size(), kMostRecords),
                   .confidence = flags.confidence,
                   .progress = [&](int64_t step, int64_t) { progress.step(step, [] { return std::string(); }); }});
  }
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return report;
}

std::string to_text(const AuditReport& report) {
  size_t width = 0;
  for (const optim::AuditFinding& finding : report.findings) width = std::max(width, finding.subject.size());
  std::string text;
  for (const optim::AuditFinding& finding : report.findings)
    text += fmt::format("{:<{}}  {:<5}  {}\n", finding.subject, width, finding.holds ? "holds" : "FAILS", finding.text);
  if (report.replays)
    text += fmt::format("{:<{}}  {:<5}  {}\n", "mechanism", width, report.replays->holds() ? "holds" : "FAILS",
                        replay_text(*report.replays));
  if (report.canaries)
    text += fmt::format("{:<{}}  {:<5}  {}\n", "canaries", width, report.canaries->holds() ? "holds" : "FAILS",
                        canary_text(*report.canaries, report.delta));
  return text + fmt::format("{} in {:.1f} s; on made-up records, so that nothing was spent\n",
                            report.holds() ? "nothing was found" : "the private step is not what is accounted for",
                            report.seconds);
}

std::string to_json(const AuditReport& report) {
  Json json = {{"holds", report.holds()}, {"findings", Json::array()}, {"replays", nullptr}, {"canaries", nullptr}};
  for (const optim::AuditFinding& finding : report.findings)
    json["findings"].push_back({{"subject", finding.subject}, {"holds", finding.holds}, {"text", finding.text}});
  if (report.replays) {
    const privacy::ThresholdAudit& audit = report.replays->audit;
    json["replays"] = {{"holds", report.replays->holds()},         {"runs", audit.d.runs},
                       {"over_threshold_with", audit.d.events},    {"over_threshold_without", audit.d_prime.events},
                       {"confidence", report.replays->confidence}, {"mu_lower", audit.mu},
                       {"mu_stated", report.replays->mu}};
  }
  if (report.canaries) {
    const optim::CanaryAudit& audit = *report.canaries;
    json["canaries"] = {{"holds", audit.holds()},
                        {"canaries", audit.canaries},
                        {"included", audit.included},
                        {"guesses", audit.bound.counts.guesses},
                        {"correct", audit.bound.counts.correct},
                        {"confidence", audit.confidence},
                        {"epsilon_lower", audit.bound.epsilon},
                        {"epsilon_stated", audit.epsilon},
                        {"delta", report.delta}};
  }
  json["seconds"] = report.seconds;
  return json.dump(2);
}

std::string first_problem(const AuditReport& report) {
  for (const optim::AuditFinding& finding : report.findings)
    if (!finding.holds) return fmt::format("{}: {}", finding.subject, finding.text);
  if (report.replays && !report.replays->holds()) return "mechanism: " + replay_text(*report.replays);
  SOTTO_ASSERT(report.canaries && !report.canaries->holds());
  return canary_text(*report.canaries, report.delta);
}

}  // namespace sotto::tools
