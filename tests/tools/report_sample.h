#pragma once
// A run as it could have been, for tests of report.html: certificate, ledger and evaluations that agree with each
// other.

#include <sotto/privacy/accountant.h>
#include <sotto/privacy/certificate.h>
#include <sotto/privacy/ledger_contents.h>
#include <sotto/tools/html_report.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sotto::tools::testing {

inline privacy::LedgerContents sample_ledger(std::int64_t executed = 1172) {
  privacy::LedgerContents ledger;
  ledger.header.adjacency = privacy::Adjacency::add_remove;
  ledger.header.dataset_size = 60000;
  ledger.header.delta = 1e-5;
  ledger.header.event = {.sampling_rate = 2048.0 / 60000, .mechanism = {.noise_multiplier = 1.80831}};
  ledger.header.weight_rule = "psac";
  ledger.header.sensitivity = 0.1;
  ledger.header.steps = 1172;
  if (executed > 0) ledger.spent = {{ledger.header.event, executed}};
  ledger.header.run = "3a240727-ee10-4c65-9142-537ea3582d25";
  ledger.releases = {{ledger.header.event, ledger.header.sensitivity}};
  ledger.records = executed + 2;
  ledger.head_hash = "5f1d3c0b9e8a7766554433221100ffeeddccbbaa99887766554433221100abcd";
  return ledger;
}

inline double certified(const privacy::LedgerContents& ledger, std::int64_t steps) {
  const privacy::Phases phases = {{ledger.header.event, steps}};
  return privacy::certified_epsilon({ledger.header.adjacency, {}, phases}, ledger.header.delta).bracket.upper;
}

inline privacy::Certificate sample_certificate(const privacy::LedgerContents& ledger) {
  privacy::Certificate c;
  c.sotto_version = "0.1.0";
  c.run = ledger.header.run;
  c.files = {{"config.toml", std::string(64, 'c')}};
  c.adjacency = ledger.header.adjacency;
  c.accountant_name = "certified";
  c.accountant_version = "1";
  c.noise_multiplier = ledger.header.event.mechanism.noise_multiplier;
  c.sampling_rate = ledger.header.event.sampling_rate;
  c.dataset_size_declared = ledger.header.dataset_size;
  c.expected_batch_size = 2048;
  c.clip_norm = 0.1;
  c.weight_rule = ledger.header.weight_rule;
  c.weight_rule_parameters = {{"clip_norm", 0.1}, {"r", 0.0005}};
  c.weight_rule_bound = ledger.header.sensitivity;
  const std::int64_t executed = ledger.spent.empty() ? 0 : ledger.spent.front().count;
  c.planned = {ledger.header.steps, certified(ledger, ledger.header.steps), ledger.header.delta};
  c.executed = {executed, executed == 0 ? 0.0 : certified(ledger, executed), ledger.header.delta};
  c.input_scaling = "pixels x / 127.5 - 1, a public constant";
  c.not_covered = privacy::standard_exclusions();
  c.not_covered.emplace_back("the test records, which are treated as public");
  c.noise_generator = "ChaCha20, Box-Muller with a 64-bit radius, in double precision";
  c.key_source = "operating system, getrandom(2), new keys at every start";
  c.ledger_records = ledger.records;
  c.ledger_head_hash = ledger.head_hash;
  return c;
}

// Ten evaluations, the last one at the last executed step; the epsilon of each where `with_epsilon`.
inline std::vector<LearningPoint> sample_evaluations(const privacy::LedgerContents& ledger, bool with_epsilon = true) {
  constexpr int kEvaluations = 10;
  std::vector<LearningPoint> points;
  const std::int64_t executed = ledger.spent.empty() ? 0 : ledger.spent.front().count;
  for (int i = 1; i <= kEvaluations; ++i) {
    const std::int64_t step = executed * i / kEvaluations;
    if (step == 0) continue;
    LearningPoint point{.step = step, .epsilon_spent = std::nullopt, .metrics = {}, .not_private = std::nullopt};
    if (with_epsilon) point.epsilon_spent = certified(ledger, step);
    const double wobble = 0.004 * std::sin(2.4 * i);
    point.metrics = {{"accuracy", 0.8662 - 0.16 * std::exp(-0.45 * i) + wobble},
                     {"f1", 0.8391 - 0.27 * std::exp(-0.4 * i) - wobble}};
    points.push_back(std::move(point));
  }
  return points;
}

inline HtmlReport made_report(std::int64_t executed) {
  const privacy::LedgerContents ledger = sample_ledger(executed);
  HtmlReport report{
      .name = "runs/first", .certificate = sample_certificate(ledger), .planned_steps = ledger.header.steps};
  report.learning_curve = sample_evaluations(ledger);
  report.epsilon_curve = epsilon_curve(ledger);
  report.trained_parameters = 26010;
  report.command =
      "sotto train fashion-mnist --model cnn --rule psac --clip-norm 0.1 --batch 2048 --epochs 40 --lr 4 --momentum "
      "0.9 "
      "--epsilon 3 --delta 1e-5 --output runs/first";
  report.files = {{"certificate.json", std::string(64, 'a')},
                  {"config.toml", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
                  {"ledger.jsonl", std::string(64, 'c')},
                  {"model.safetensors", std::string(64, 'd')}};
  return report;
}

// Accounted for once.
inline HtmlReport sample_report(std::int64_t executed = 1172) {
  static std::map<std::int64_t, HtmlReport> made;
  if (!made.contains(executed)) made.emplace(executed, made_report(executed));
  return made.at(executed);
}

// The same, NOT PRIVATE, as with --insecure-test-seed.
inline HtmlReport sample_not_private() {
  HtmlReport report = sample_report();
  report.certificate->not_private = "the seed of the noise is known (--insecure-test-seed)";
  for (LearningPoint& point : report.learning_curve) {
    point.epsilon_spent.reset();
    point.not_private = report.certificate->not_private;
  }
  report.command = "sotto train --config runs/first/config.toml --output runs/again";
  return report;
}

}  // namespace sotto::tools::testing
