// Whole tunings by `sotto tune` on a small data set, with real training. Runs the real program.

#include <sotto/tools/tuning_ledger.h>

#include "train_run_fixture.h"

namespace sotto::tools {
namespace {

class TuneRun : public TrainRun {
 protected:
  Words tuning(const std::string& steps) const {
    Words words = base() + Words{"--epsilon",       "8",         "--delta",  kDelta,
                                 "--steps",         steps,       "--model",  "mlp",
                                 "--try",           "lr=0.01,1", "--law",    "geometric",
                                 "--expected-runs", "2",         "--output", run_path().string(),
                                 "--json"};
    words[0] = "tune";
    return words;
  }
  std::filesystem::path work() const { return folder_.path() / "run-work"; }
  TuningContents contents() const { return parse_tuning_ledger(content(work() / kTuningLedger)); }

  void expect_whole(const Outcome& outcome) const {
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const json result = json::parse(outcome.out);
    EXPECT_EQ(result.at("run"), run_path().string());
    const Outcome verified = run({"verify", run_path().string()});
    EXPECT_EQ(verified.exit_code, 0) << verified.out;
    EXPECT_NE(verified.out.find("its choice among other runs"), std::string::npos) << verified.out;
    EXPECT_GE(certificate().planned.epsilon, result.at("epsilon").get<double>());
    EXPECT_LE(certificate().planned.epsilon, 8.0001);
    EXPECT_TRUE(certificate().selection.has_value());
    const Outcome evaluated = run({"evaluate", run_path().string(), "--json"});
    ASSERT_EQ(evaluated.exit_code, 0) << evaluated.err;
    EXPECT_EQ(json::parse(evaluated.out).at("accuracy"), result.at("accuracy"));
    const TuningContents made = contents();
    for (const TunedRun& tuned : *made.runs) EXPECT_LE(*tuned.score, result.at("accuracy").get<double>());
    for (size_t i = 0; i < made.runs->size(); ++i)
      EXPECT_EQ(charged(work() / std::to_string(i + 1) / "run" / "ledger.jsonl"), made.start.record.steps);
  }
};

TEST_F(TuneRun, ReturnsTheBestRunWithACertificateOfTheWhole) {
  const Outcome outcome = run(tuning("4"));
  ASSERT_NO_FATAL_FAILURE(expect_whole(outcome));
  // No single run's figure is in what is returned.
  std::istringstream lines(content(run_path() / "metrics.jsonl"));
  for (std::string line; std::getline(lines, line);)
    if (const json said = json::parse(line); said.at("step") == 4) {
      EXPECT_EQ(said.at("epsilon_spent"), json::parse(outcome.out).at("epsilon"));
    }
  EXPECT_EQ(outcome.err.find("accuracy 0"), std::string::npos) << "scores are shown: " << outcome.err;
}

TEST_F(TuneRun, TestsThatAreACopyOfTheRecordsAreRefusedBeforeAnythingIsCharged) {
  std::filesystem::copy_file(train_.images, test_.images, std::filesystem::copy_options::overwrite_existing);
  std::filesystem::copy_file(train_.labels, test_.labels, std::filesystem::copy_options::overwrite_existing);
  const Outcome outcome = run(tuning("4"));
  EXPECT_EQ(outcome.exit_code, 64) << outcome.err;
  EXPECT_NE(outcome.err.find("a copy of the private records"), std::string::npos) << outcome.err;
  EXPECT_FALSE(std::filesystem::exists(work()) || std::filesystem::exists(run_path()));
}

TEST_F(TuneRun, GoesOnAfterASignalAndAfterAKill) {
  const auto first_ledger = work() / "1" / "run" / "ledger.jsonl";
  const auto lines = [&] { return std::ranges::count(content(first_ledger), '\n'); };
  {
    Program program(tuning("60"));
    ASSERT_TRUE(program.signal_when([&] { return lines() > 8; }, SIGINT));
    EXPECT_EQ(program.finish().exit_code, 130);
  }
  const int64_t before = charged(first_ledger);
  ASSERT_LT(before, 60);
  const size_t drawn = contents().runs->size();
  {
    const auto now = lines();
    Program program({"tune", "--resume", work().string()});
    ASSERT_TRUE(program.signal_when([&] { return lines() > now + 5; }, SIGKILL));
    EXPECT_EQ(program.finish().exit_code, -1);
  }
  EXPECT_GT(charged(first_ledger), before);
  const Outcome outcome = run({"tune", "--resume", work().string(), "--json"});
  EXPECT_EQ(contents().runs->size(), drawn);
  expect_whole(outcome);
}

}  // namespace
}  // namespace sotto::tools
