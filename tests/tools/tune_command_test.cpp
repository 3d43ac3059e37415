// `sotto tune` with a training library that only pretends to train. Runs the real program.

#include <gmock/gmock.h>
#include <sotto/privacy/certificate.h>
#include <sotto/privacy/private_selection.h>
#include <sotto/privacy/sha256.h>
#include <sotto/tools/tuning_ledger.h>
#include <sotto/tools/verification.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

#include "program.h"
#include "small_images.h"
#include "tuning_probe.h"

namespace sotto::tools {
namespace {

using nlohmann::json;
using testing::content, testing::Outcome, testing::Words, testing::operator+;
using ::testing::HasSubstr, ::testing::Not;

class TuneCommand : public ::testing::Test {
 protected:
  TuneCommand()
      : train_(testing::write_small_images(folder_, "train", 1)),
        test_(testing::write_small_images(folder_, "test", 1, 2)) {}

  Words data() const {
    return {"tune",       "--train-images", train_.images, "--train-labels", train_.labels, "--test-images",
            test_.images, "--test-labels",  test_.labels,  "--dataset-size", "300",         "--batch",
            "30",         "--steps",        "6",           "--rule",         "flat",        "--delta",
            "0.0001",     "--law",          "geometric"};
  }
  Words flags() const {
    return data() + Words{"--try", "lr=1,2,3",  "--try", "clip-norm=0.1,0.5", "--expected-runs",
                          "4",     "--epsilon", "3",     "--output",          output().string()};
  }
  Outcome run(const Words& words, const std::string& script = "") const {
    std::ofstream(script_) << script;
    return testing::run(words, [this] {
      ::setenv("SOTTO_LIBRARY_PATH", SOTTO_TUNING_PROBE, 1);
      ::setenv(testing::kProbeScript, script_.c_str(), 1);
      ::setenv(testing::kProbeLog, log_.c_str(), 1);
    });
  }
  Outcome resume(const std::string& script = "") const { return run({"tune", "--resume", work().string()}, script); }
  void refused(const Words& words, const std::string& what) const {
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.exit_code, 64) << outcome.err;
    EXPECT_EQ(outcome.err.rfind("sotto: ", 0), 0u) << outcome.err;
    EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << "not one line: " << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(what));
    EXPECT_FALSE(std::filesystem::exists(output()) || std::filesystem::exists(work())) << "something was left behind";
  }

  std::filesystem::path output() const { return folder_.path() / "best"; }
  std::filesystem::path work() const { return folder_.path() / "best-work"; }
  TuningContents ledger() const { return parse_tuning_ledger(content(work() / kTuningLedger)); }
  std::size_t logged(const std::string& kind) const {
    std::istringstream lines(content(log_));
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line);) count += line == kind ? 1 : 0;
    return count;
  }
  // What lies in the folder is the best of the runs that were made, and says so truly.
  void expect_released() const {
    const TuningContents contents = ledger();
    ASSERT_TRUE(contents.released && contents.winner);
    double best = 0;
    for (const TunedRun& run : *contents.runs) {
      ASSERT_TRUE(run.ended);
      best = std::max(best, run.score.value_or(0));
    }
    const TunedRun& winner = contents.runs->at(*contents.winner);
    EXPECT_EQ(winner.score, best);
    const Verification found = verify_run(RunFolder(output()));
    for (const Check& check : found.checks)
      EXPECT_NE(check.outcome, Check::Outcome::fails) << check.subject << ": " << check.text;
    EXPECT_TRUE(found.finished());
    EXPECT_EQ(found.ledger->steps_charged(), 6);
  }

  sotto::testing::ScratchFolder folder_{sotto::testing::ScratchFolder::memory()};
  testing::SmallImages train_, test_;
  std::filesystem::path script_ = folder_.path() / "script", log_ = folder_.path() / "log";
};

TEST_F(TuneCommand, ReturnsTheBestRunWithTheEpsilonOfTheWhole) {
  const Outcome outcome = run(flags() + Words{"--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const json result = json::parse(outcome.out);
  ASSERT_NO_FATAL_FAILURE(expect_released());

  const privacy::Certificate c = privacy::parse_certificate(content(output() / "certificate.json"));
  ASSERT_TRUE(c.selection.has_value());
  EXPECT_EQ(c.selection->candidates, 6);
  EXPECT_EQ(c.executed.steps, 6);
  const privacy::PrivateSelection selection(
      c.selection->runs,
      privacy::AccountedEvents{
          privacy::Adjacency::add_remove, {}, privacy::Event(privacy::Phases{{{0.1, {c.noise_multiplier}}, 6}})});
  EXPECT_GE(c.planned.epsilon, selection.epsilon(1e-4));
  EXPECT_LE(c.planned.epsilon, selection.epsilon(1e-4) + 1e-4);
  EXPECT_LE(selection.epsilon(1e-4), 3);
  EXPECT_NEAR(privacy::mean_runs(c.selection->runs), 4, 1e-6);
  EXPECT_EQ(result.at("epsilon").get<double>(), selection.epsilon(1e-4));
  EXPECT_EQ(result.at("run"), output().string());
  // As much as the run that won says of itself.
  const TuningContents contents = ledger();
  EXPECT_EQ(result.at("settings").at("lr"),
            contents.start.record.candidates[contents.runs->at(*contents.winner).candidate].at("lr"));
  const Outcome again = run(flags());
  EXPECT_EQ(again.exit_code, 64) << again.err;
}

TEST_F(TuneCommand, WhatIsReturnedDoesNotTellOfOtherRuns) {
  ASSERT_EQ(run(flags()).exit_code, 0);
  struct stat work_status {};
  ASSERT_EQ(::stat(work().c_str(), &work_status), 0);
  EXPECT_EQ(work_status.st_mode & 0777, 0700u);
  const TuningContents contents = ledger();
  const std::string time = contents.start.record.time;
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(output())) {
    names.insert(entry.path().filename().string());
    EXPECT_THAT(content(entry.path()), Not(HasSubstr("best-work"))) << entry.path();
  }
  std::vector<std::filesystem::path> all = {output()};
  for (const std::string& name : names) all.push_back(output() / name);
  tm parts{};
  ASSERT_NE(::strptime(time.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts), nullptr);
  for (const auto& path : all) {
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mtime, ::timegm(&parts)) << path << " tells when the tuning ended";
  }
  EXPECT_EQ(names, (std::set<std::string>{"certificate.json", "config.toml", "ledger.jsonl", "metrics.jsonl",
                                          "model.safetensors", "report.html", "tuning.json"}));
  // The time of a start would tell how many runs came before: it is that of the plan, in every run.
  for (std::size_t i = 0; i < contents.runs->size(); ++i)
    EXPECT_EQ(privacy::read_ledger(work() / std::to_string(i + 1) / "run" / "ledger.jsonl").incarnations[0].time, time);
  EXPECT_EQ(privacy::read_ledger(output() / "ledger.jsonl").incarnations[0].time, time);
  // And nothing of a run in the working folder may be quoted.
  const Outcome verified = run({"verify", (work() / "1" / "run").string()});
  EXPECT_EQ(verified.exit_code, 65);
  EXPECT_THAT(verified.out, HasSubstr("working folder of a tuning"));
}

TEST_F(TuneCommand, AKilledTuningGoesOnWithoutAnotherDrawOrAnotherChance) {
  for (const char* fate : {"kill", "kill at once", "kill before the certificate", "kill at the end"}) {
    std::filesystem::remove_all(output());
    std::filesystem::remove_all(work());
    std::filesystem::remove(log_);
    EXPECT_EQ(run(flags(), std::string(fate) + "\n").exit_code, -1) << fate;
    const TuningContents before = ledger();
    ASSERT_TRUE(before.runs && before.runs->at(0).started && !before.runs->at(0).ended) << fate;
    const bool charged = std::string(fate) != "kill at once";
    const auto id = [&] { return privacy::read_ledger(work() / "1" / "run" / "ledger.jsonl").header.run; };
    const std::string first = charged ? id() : "";

    const Outcome outcome = resume();
    ASSERT_EQ(outcome.exit_code, 0) << fate << outcome.err;
    const TuningContents after = ledger();
    ASSERT_EQ(after.runs->size(), before.runs->size()) << fate;
    for (std::size_t i = 0; i < after.runs->size(); ++i)
      EXPECT_EQ(after.runs->at(i).candidate, before.runs->at(i).candidate) << fate;
    if (charged) {
      EXPECT_EQ(id(), first) << fate << ": the run was begun again";
    }
    EXPECT_EQ(logged("train"), after.runs->size() + (charged ? 0 : 1)) << fate;
    ASSERT_NO_FATAL_FAILURE(expect_released()) << fate;
    const Outcome over = resume();
    EXPECT_EQ(over.exit_code, 64);
    EXPECT_THAT(over.err, HasSubstr("is over"));
  }
}

// What it charged cannot be told any more, so that another beginning might be another chance.
TEST_F(TuneCommand, ARunWithADamagedLedgerIsNotBegunAgain) {
  ASSERT_EQ(run(flags(), "kill\n").exit_code, -1);
  const std::filesystem::path folder = work() / "1" / "run";
  std::filesystem::remove(folder / "checkpoint.safetensors");
  const std::string damaged = "x" + content(folder / "ledger.jsonl");
  std::ofstream(folder / "ledger.jsonl") << damaged;
  EXPECT_EQ(resume().exit_code, 78);
  EXPECT_EQ(content(folder / "ledger.jsonl"), damaged);
  EXPECT_EQ(logged("train"), 1u);
}

TEST_F(TuneCommand, AScoreIsOfTheFileThatTheRunWrote) {
  ASSERT_EQ(run(flags(), "kill at the end\n").exit_code, -1);
  const std::filesystem::path metrics = work() / "1" / "run" / "metrics.jsonl";
  std::string edited = content(metrics);
  const size_t place = edited.rfind("\"accuracy\":") + 11;
  edited.replace(place, edited.find_first_of(",}", place) - place, "1.0");
  std::ofstream(metrics) << edited;
  const Outcome outcome = resume();
  EXPECT_EQ(outcome.exit_code, 65);
  EXPECT_THAT(outcome.err, HasSubstr("metrics.jsonl is not the file that its certificate is of"));
  EXPECT_FALSE(ledger().runs->at(0).ended);
}

TEST_F(TuneCommand, ASignalStopsItWhereItCanGoOn) {
  const Outcome stopped = run(flags(), "interrupt\n");
  EXPECT_EQ(stopped.exit_code, 130);
  EXPECT_THAT(stopped.err, HasSubstr("sotto tune --resume " + work().string()));
  EXPECT_FALSE(std::filesystem::exists(output()));
  const Outcome wrong = run({"resume", (work() / "1" / "run").string()});
  EXPECT_EQ(wrong.exit_code, 64);
  EXPECT_THAT(wrong.err, HasSubstr("one of the runs of a tuning"));
  ASSERT_EQ(resume().exit_code, 0);
  EXPECT_EQ(logged("resume"), 1u);
  expect_released();
}

TEST_F(TuneCommand, ARunThatDivergesLosesAndIsNotRepeated) {
  std::string all;
  for (int i = 0; i < 2000; ++i) all += "diverge\n";
  const Outcome outcome = run(flags() + Words{"--json"}, all);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(json::parse(outcome.out).at("run").is_null());
  EXPECT_FALSE(std::filesystem::exists(output()));
  const TuningContents contents = ledger();
  EXPECT_TRUE(contents.released && !contents.winner);
  EXPECT_EQ(logged("train"), contents.runs->size());
}

TEST_F(TuneCommand, WhatFailsBeforeAnythingIsChargedLeavesNothing) {
  const Outcome outcome = run(flags(), "fail\n");
  EXPECT_EQ(outcome.exit_code, 65) << outcome.err;
  EXPECT_FALSE(std::filesystem::exists(work()) || std::filesystem::exists(output()));
  EXPECT_EQ(run(flags()).exit_code, 0);
}

TEST_F(TuneCommand, VerifyNoticesAnEditedTuningRecord) {
  ASSERT_EQ(run(flags()).exit_code, 0);
  const std::string whole = content(output() / "tuning.json");
  const auto verify = [&] { return run({"verify", output().string()}); };
  EXPECT_EQ(verify().exit_code, 0) << verify().out;
  EXPECT_THAT(verify().out, HasSubstr("epsilon        holds"));
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string text = whole;
    text.replace(text.find(from), from.size(), to);
    std::ofstream(output() / "tuning.json") << text;
  };
  TuningRecord fewer = parse_tuning_record(whole);
  fewer.runs = privacy::PoissonRuns{1};
  std::ofstream(output() / "tuning.json") << to_json(fewer);
  EXPECT_EQ(verify().exit_code, 65);
  EXPECT_THAT(verify().out, HasSubstr("tuning         FAILS  tuning.json tells of another law"));
  replaced("\"lr\": \"1\"", "\"lr\": \"9\"");
  EXPECT_EQ(verify().exit_code, 65);
  EXPECT_THAT(verify().out, HasSubstr("tuning.json was changed"));
  replaced("\"steps\": 6", "\"steps\": 7");
  EXPECT_THAT(verify().out, HasSubstr("tuning         FAILS  tuning.json planned another"));
  replaced("{", "{ ");
  EXPECT_EQ(verify().exit_code, 65);
  std::filesystem::remove(output() / "tuning.json");
  EXPECT_EQ(verify().exit_code, 65);
  EXPECT_THAT(verify().out, HasSubstr("tuning.json, which says of which, is missing"));
  std::ofstream(output() / "tuning.json") << whole;
  EXPECT_EQ(verify().exit_code, 0);
}

TEST_F(TuneCommand, DryRunTellsThePlanAndLeavesNothing) {
  const Outcome outcome = run(flags() + Words{"--dry-run", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const json plan = json::parse(outcome.out);
  EXPECT_LE(plan.at("epsilon").get<double>(), 3);
  EXPECT_GT(plan.at("epsilon").get<double>(), 2.999);
  EXPECT_LT(plan.at("epsilon_of_one_run").get<double>(), plan.at("epsilon").get<double>());
  EXPECT_NEAR(plan.at("expected_runs").get<double>(), 4, 1e-6);
  EXPECT_EQ(plan.at("candidates").size(), 6u);
  EXPECT_FALSE(std::filesystem::exists(work()) || std::filesystem::exists(output()));
  EXPECT_EQ(logged("dry_run"), 0u) << "LibTorch was loaded";
}

TEST_F(TuneCommand, RefusesCandidatesThatSpendOtherwise) {
  const auto tried = [&](const std::string& axis, const std::string& what) {
    refused(data() + Words{"--epsilon", "3", "--output", output().string(), "--try", axis}, what);
  };
  for (const char* axis :
       {"epsilon=1,2", "noise-multiplier=1,2", "delta=1e-5,1e-6", "batch=20,30", "steps=5,6", "epochs=1,2"})
    tried(axis, "all candidates must spend the same");
  for (const char* axis : {"dataset-size=300,400", "train-images=a,b", "test-images=a,b", "classes=9,10"})
    tried(axis, "those are the same for all candidates");
  for (const char* axis : {"threads=1,2", "device=cpu,cuda"}) tried(axis, "changes speed");
  tried("insecure-test-seed=1,2", "no place");
  tried("lr", "must be NAME=VALUE");
  tried("=1", "must be NAME=VALUE");
  tried("rate=1,2", "unknown flag: '--rate'; allowed are");
  tried("lr=1,,2", "empty value");
  tried("lr=1,1.0", "twice");
  tried("lr=1,x", "lr");
  tried("lr=1,-1", "[--lr] bad value: -1");
  tried("rule=flat,none", "rule is given as --rule too");
  tried("psac-r=0.1,0.2", "(with psac-r 0.1)");
  tried("clip-quantile=0.3,0.6", "(with clip-quantile 0.3)");
}

TEST_F(TuneCommand, RefusesWhatIsNotPrivateOrHasNoScore) {
  const Words lr = {"--try", "lr=1,2", "--output", output().string()};
  refused(data() + lr, "no budget");
  refused(data() + Words{"--epsilon", "3", "--noise-multiplier", "1"} + lr, "exclude each other");
  refused(data() + Words{"--epsilon", "3", "--noise", "discrete"} + lr, "normal noise only");
  refused(data() + Words{"--epsilon", "3", "--private-metrics", "2"} + lr, "[--private-metrics] has no place");
  refused(data() + Words{"--epsilon", "3", "--stop-early", "2"} + lr, "[--stop-early] has no place");
  refused(data() + Words{"--epsilon", "3", "--output", output().string()}, "[--try] missing");
  refused(data() + Words{"--epsilon", "3", "--lr", "1"} + lr, "is given as --lr too");
  refused(data() + Words{"--epsilon", "3", "--insecure-test-seed", "1"} + lr, "no place");
  refused(data() + Words{"--epsilon", "3", "--expected-runs", "1"} + lr, "bad mean");
  refused(testing::with_flags(data(), {"--law", "zipf"}) + Words{"--epsilon", "3"} + lr, "[--law] unknown value");
  refused(testing::with_flags(data(), {"--rule", "none"}) + Words{"--epsilon", "3"} + lr, "NOT PRIVATE");
  refused(data() + Words{"--epsilon", "3", "--work", (output() / "work").string()} + lr, "must not lie in each other");
  refused(testing::with_flags(data(), {"--test-images", train_.images}) + Words{"--epsilon", "3"} + lr,
          "the tests are the private records");
  Words untested = data();
  for (const char* flag : {"--test-images", "--test-labels"}) {
    const auto found = std::ranges::find(untested, flag);
    untested.erase(found, found + 2);
  }
  refused(untested + Words{"--epsilon", "3"} + lr, "no tests");
}

TEST_F(TuneCommand, TheWorkedExampleInHelpIsReal) {
  const Outcome help = run({"tune", "--help"});
  EXPECT_EQ(help.exit_code, 0);
  std::istringstream lines(help.out);
  Words arguments;
  std::string shown;
  for (std::string line; std::getline(lines, line);) {
    const std::string prompt = "  $ sotto ";
    if (line.starts_with(prompt)) {
      std::istringstream words(line.substr(prompt.size()));
      for (std::string word; words >> word;) arguments.push_back(word);
    } else if (!arguments.empty()) {
      shown += (line.starts_with("  ") ? line.substr(2) : line) + "\n";
    }
  }
  ASSERT_FALSE(arguments.empty()) << help.out;
  while (shown.ends_with("\n\n")) shown.pop_back();
  const Outcome outcome = run(arguments);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, shown);
}

}  // namespace
}  // namespace sotto::tools
