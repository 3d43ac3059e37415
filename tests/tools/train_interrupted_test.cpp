// Runs that were interrupted, by a signal, a kill or a full disk, and what goes on with them. Runs the real program.

#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include "train_run_fixture.h"

namespace sotto::tools {
namespace {

TEST_F(TrainRun, ResumeAfterASignalChargesThePlanAndNoMore) {
  for (const auto& [signal, code] : {std::pair{SIGINT, 130}, std::pair{SIGTERM, 143}}) {
    std::filesystem::remove_all(run_path());
    Program program(private_run("150"));
    ASSERT_TRUE(program.signal_when([&] { return ledger_has_lines(6); }, signal));
    const Outcome stopped = program.finish();
    ASSERT_EQ(stopped.exit_code, code) << stopped.err;
    EXPECT_NE(stopped.err.find("sotto resume " + run_path().string()), std::string::npos) << stopped.err;
    const json partial = json::parse(stopped.out);
    const int64_t before = charged(ledger());
    ASSERT_LT(before, 150) << "the signal came too late";
    EXPECT_EQ(partial.at("steps"), before);
    // The figure to quote is the plan's; the smaller one comes with its condition.
    EXPECT_EQ(partial.at("epsilon").get<double>(), account_epsilon(partial.at("noise_multiplier"), "150"));
    EXPECT_LT(partial.at("epsilon_executed").get<double>(), partial.at("epsilon").get<double>());
    EXPECT_NE(partial.at("epsilon_executed_valid_only_if").get<std::string>().find("stopping time"), std::string::npos);
    EXPECT_EQ(partial.at("steps_applied"), before);  // the step in hand was finished
    EXPECT_EQ(certificate().executed.steps, before);
    EXPECT_EQ(certificate().planned.steps, 150);

    const Outcome resumed = run({"resume", run_path().string(), "--json"});
    ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
    const json result = json::parse(resumed.out);
    EXPECT_EQ(charged(ledger()), 150);
    EXPECT_EQ(result.at("steps_applied"), 150);
    EXPECT_EQ(result.at("epsilon").get<double>(), account_epsilon(result.at("noise_multiplier"), "150"));
    EXPECT_EQ(certificate().executed.steps, 150);

    const privacy::LedgerContents contents = privacy::read_ledger(ledger());
    ASSERT_EQ(contents.incarnations.size(), 2u);
    EXPECT_NE(contents.incarnations[0].noise_key, contents.incarnations[1].noise_key);
    EXPECT_NE(contents.incarnations[0].sampler_key, contents.incarnations[1].sampler_key);
  }
}

TEST_F(TrainRun, KilledRunIsNeverUnderCounted) {
  Program program(private_run("150"));
  ASSERT_TRUE(program.signal_when([&] { return ledger_has_lines(12); }, SIGKILL));
  EXPECT_EQ(program.finish().exit_code, -1);
  const int64_t before = charged(ledger());
  ASSERT_GE(before, 1);
  ASSERT_LT(before, 150);
  const Outcome resumed = run({"resume", run_path().string(), "--json"});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  const json result = json::parse(resumed.out);
  EXPECT_EQ(result.at("steps"), 150);
  // The checkpoint is the one of step 0: everything charged before stays charged although it is lost.
  EXPECT_EQ(result.at("steps_applied"), 150 - before);
  EXPECT_NE(resumed.err.find("the charge stays"), std::string::npos) << resumed.err;
  EXPECT_EQ(charged(ledger()), 150);
}

// Cut behind its checkpoint, a ledger would fit the folder but for the metrics, which were told and charged.
TEST_F(TrainRun, ResumeRefusesALedgerWithLessThanTheMetricsTellOf) {
  {
    Program program(private_run("150"));
    const auto told = [&] { return content(run_path() / "metrics.jsonl").find("\"step\":") != std::string::npos; };
    ASSERT_TRUE(program.signal_when(told, SIGKILL));
    program.finish();
  }
  std::string text = content(ledger());
  const size_t place = text.find("\"record\":\"checkpoint\"");
  ASSERT_NE(place, std::string::npos);
  text.resize(text.find('\n', place) + 1);
  std::ofstream(ledger(), std::ios::binary) << text;
  expect_failure(run({"resume", run_path().string()}), 78, "it was cut or wound back");
  EXPECT_EQ(content(ledger()), text);
}

TEST_F(TrainRun, ResumeRefusesALedgerThatDoesNotFit) {
  Program program(private_run("150"));
  ASSERT_TRUE(program.signal_when([&] { return ledger_has_lines(8); }, SIGINT));
  ASSERT_EQ(program.finish().exit_code, 130);
  const std::string whole = content(ledger());
  const auto write_ledger = [&](const std::string& text) { std::ofstream(ledger(), std::ios::binary) << text; };
  const Words resume = {"resume", run_path().string()};

  write_ledger(whole.substr(0, whole.rfind('\n', whole.size() - 2) + 1));  // one record less
  expect_failure(run(resume), 78, "was cut");
  std::string edited = whole;
  edited[whole.size() / 2] ^= 1;
  write_ledger(edited);
  expect_failure(run(resume), 78, "ledger");
  std::filesystem::remove(ledger());
  expect_failure(run(resume), 78, "ledger");
  write_ledger(whole);
  const auto checkpoint = run_path() / "checkpoint.safetensors";
  std::filesystem::resize_file(checkpoint, std::filesystem::file_size(checkpoint) - 1);
  expect_failure(run(resume), 65, "checkpoint");
  std::filesystem::remove(checkpoint);
  expect_failure(run(resume), 64, "no checkpoint");
  EXPECT_EQ(content(ledger()), whole) << "a refused resume changed the ledger";
}

TEST_F(TrainRun, FullDiskLaterKeepsTheRunResumable) {
  // Small batches, so that the ledger is soon larger than a checkpoint.
  const Words words = {"train",
                       "--train-images",
                       train_.images,
                       "--train-labels",
                       train_.labels,
                       "--dataset-size",
                       "300",
                       "--noise-multiplier",
                       "1",
                       "--delta",
                       kDelta,
                       "--steps",
                       "2000",
                       "--batch",
                       "2",
                       "--physical-batch",
                       "2",
                       "--threads",
                       "1",
                       "--output",
                       run_path().string()};
  // Room for the checkpoint, and for the ledger up to some step.
  const Outcome outcome = run(words, [] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{240000, 240000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  });
  EXPECT_EQ(outcome.exit_code, 74) << outcome.err;
  const int64_t before = charged(ledger());
  EXPECT_GT(before, 10);
  ASSERT_LT(before, 2000);
  Program program({"resume", run_path().string()});
  ASSERT_TRUE(program.signal_when([&] { return charged(ledger()) > before + 2; }, SIGINT));
  EXPECT_EQ(program.finish().exit_code, 130);
}

// The report is of the certificate, and says that the run went on.
TEST_F(TrainRun, ReportOfARunThatWasKilledAfterItsCertificate) {
  {
    Program program(private_run("150"));
    ASSERT_TRUE(program.signal_when([&] { return ledger_has_lines(8); }, SIGINT));
    ASSERT_EQ(program.finish().exit_code, 130);
  }
  const std::string page = (run_path() / "report.html").string();
  EXPECT_NE(content(page).find("The run is not finished"), std::string::npos);
  EXPECT_EQ(content(page).find("To quote"), std::string::npos);
  const int64_t before = charged(ledger());
  {
    Program program({"resume", run_path().string()});
    ASSERT_TRUE(program.signal_when([&] { return charged(ledger()) > before + 2; }, SIGKILL));
    program.finish();
  }
  const int64_t after = charged(ledger()) - before;
  const Outcome outcome = run({"report", run_path().string()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(content(page).find("The run went on for " + std::to_string(after) + " steps after"), std::string::npos);
  EXPECT_EQ(certificate().executed.steps, before);
}

TEST_F(TrainRun, EvaluateWarnsWhenTheLedgerWentOn) {
  ASSERT_EQ(run(private_run("3")).exit_code, 0);
  EXPECT_EQ(run({"evaluate", run_path().string()}).err, "");
  std::string text = content(run_path() / "certificate.json");
  const size_t at = text.find("\"head_hash\": \"");
  ASSERT_NE(at, std::string::npos) << text;
  text[at + 14] = text[at + 14] == 'a' ? 'b' : 'a';  // the anchor of another moment
  std::ofstream(run_path() / "certificate.json", std::ios::binary) << text;
  const Outcome outcome = run({"evaluate", run_path().string()});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_NE(outcome.err.find("warning: the ledger"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace sotto::tools
