// Runs of `sotto train --private-metrics` on a small data set, from the command line to their verification.

#include <cmath>
#include <csignal>
#include <sstream>

#include "train_run_fixture.h"

namespace sotto::tools {
namespace {

// After how many of these evaluations of 300 records a run ends: the rule of the README, said again.
int64_t end_by_rule(const std::vector<json>& lines, int64_t patience, double noise) {
  double best = lines.at(0).at("private_accuracy");
  int64_t waited = 0, end = 1;
  for (; waited < patience && end < static_cast<int64_t>(lines.size()); ++end) {
    const double value = lines[static_cast<size_t>(end)].at("private_accuracy");
    waited = value > best + std::sqrt(2.0) * noise / 300 ? 0 : waited + 1;
    if (waited == 0) best = value;
  }
  return end;
}

class PrivateMetricsRun : public TrainRun {
 protected:
  Words evaluated(const std::string& steps, const Words& more) const {
    return private_run(steps) + Words{"--model", "mlp", "--private-metrics"} + more;
  }
  std::vector<json> released() const {
    std::vector<json> result;
    std::istringstream lines(content(run_path() / "metrics.jsonl"));
    for (std::string line; std::getline(lines, line);)
      if (json value = json::parse(line); value.contains("private_evaluation")) result.push_back(value);
    return result;
  }
};

TEST_F(PrivateMetricsRun, AreChargedShownAndVerified) {
  const Outcome outcome = run(evaluated("12", {"4", "--metric-noise", "40"}));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const json result = json::parse(outcome.out);
  EXPECT_LE(result.at("epsilon").get<double>(), 3);
  EXPECT_LT(result.at("epsilon_of_steps_alone").get<double>(), result.at("epsilon").get<double>());
  EXPECT_NE(outcome.err.find("private metrics   4 evaluations"), std::string::npos) << outcome.err;

  const std::vector<json> lines = released();
  ASSERT_EQ(lines.size(), 4u);
  for (size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(lines[i].at("step"), 3 * (i + 1));
    EXPECT_EQ(lines[i].at("private_evaluation"), i + 1);
    EXPECT_NEAR(lines[i].at("private_accuracy_deviation").get<double>(), std::sqrt(2.0) * 40 / 300, 1e-12);
    // A share, and noise of less than 6 deviations.
    EXPECT_LT(std::abs(lines[i].at("private_accuracy").get<double>() - 0.5), 0.5 + 6 * std::sqrt(2.0) * 40 / 300);
  }
  const privacy::LedgerContents contents = privacy::read_ledger(ledger());
  EXPECT_EQ(contents.steps_charged(), 12);
  EXPECT_EQ(contents.evaluations_charged, 4);
  const privacy::Certificate certificate = this->certificate();
  ASSERT_TRUE(certificate.evaluations);
  EXPECT_EQ(certificate.evaluations->planned, 4);
  EXPECT_EQ(certificate.evaluations->executed, 4);
  EXPECT_EQ(certificate.evaluations->noise_multiplier, 40);
  EXPECT_NEAR(certificate.evaluations->largest_loss, 2 * std::log(10.0), 1e-12);
  const Outcome verified = run({"verify", run_path().string()});
  EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
  EXPECT_NE(content(run_path() / "report.html").find("released through the budget"), std::string::npos);
}

// With a learning rate that moves nothing each evaluation is the first one with other noise: that twelve of them show
// something better every second time has a probability below 1e-4.
TEST_F(PrivateMetricsRun, ARunEndsByThemAndIsFinishedThen) {
  const Outcome outcome = run(base() + Words{"--noise-multiplier", "1", "--delta", kDelta, "--steps", "12", "--output",
                                             run_path().string(), "--json", "--model", "mlp", "--lr", "1e-30",
                                             "--private-metrics", "12", "--metric-noise", "2", "--stop-early", "2"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const json result = json::parse(outcome.out);
  EXPECT_EQ(result.at("stopped_early"), true);
  const std::vector<json> lines = released();
  const int64_t end = end_by_rule(lines, 2, 2);
  EXPECT_EQ(end, static_cast<int64_t>(lines.size()));
  EXPECT_EQ(result.at("steps"), end);
  const privacy::Certificate certificate = this->certificate();
  EXPECT_EQ(certificate.stopped_after_evaluations, 2);
  EXPECT_EQ(certificate.executed.steps, end);
  EXPECT_EQ(certificate.evaluations->executed, end);
  EXPECT_EQ(privacy::read_ledger(ledger()).evaluations_charged, end);
  expect_failure(run({"resume", run_path().string()}), 64, "it ended by its private metrics after");
  const Outcome verified = run({"verify", run_path().string()});
  EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
}

// What was released before an interruption counts as what was released after it.
TEST_F(PrivateMetricsRun, AnInterruptedRunEndsWhereTheRuleSays) {
  Program program(evaluated("150", {"150", "--metric-noise", "100", "--stop-early", "20", "--lr", "1e-30"}));
  ASSERT_TRUE(program.signal_when([&] { return ledger_has_lines(8); }, SIGINT));
  ASSERT_EQ(program.finish().exit_code, 130);
  const size_t before = released().size();
  const Outcome resumed = run({"resume", run_path().string(), "--json"});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  const std::vector<json> lines = released();
  ASSERT_GT(lines.size(), before);
  for (size_t i = 0; i < lines.size(); ++i) EXPECT_EQ(lines[i].at("private_evaluation"), i + 1);
  EXPECT_EQ(end_by_rule(lines, 20, 100), static_cast<int64_t>(lines.size()));
  EXPECT_EQ(json::parse(resumed.out).at("stopped_early"), lines.size() < 150);
  const Outcome verified = run({"verify", run_path().string()});
  EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
}

TEST_F(PrivateMetricsRun, WhereTheyCannotBePaidForTheyAreRefused) {
  expect_failure(run(private_run("12") + Words{"--stop-early", "2"}), 64, "--private-metrics");
  expect_failure(run(private_run("12") + Words{"--metric-noise", "2"}), 64, "--private-metrics");
  expect_failure(run(evaluated("12", {"13"})), 64, "--private-metrics");
  expect_failure(run(evaluated("12", {"4", "--metric-noise", "0.5"})), 64, "no room for the steps");
  expect_failure(run(evaluated("12", {"4", "--noise", "discrete"})), 64, "discrete");
  expect_failure(
      run(base() + Words{"--rule", "none", "--steps", "3", "--private-metrics", "1", "--output", run_path().string()}),
      64, "--rule none");
  EXPECT_FALSE(std::filesystem::exists(run_path()));
}

}  // namespace
}  // namespace sotto::tools
