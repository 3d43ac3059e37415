// `sotto train` and `sotto resume` killed at random instants, from their start to their end: what was charged stays
// charged, the run can be continued until it is finished, and then it verifies.
//
// SOTTO_KILLS in the environment is the number of kills, 200 without it.

#include <gmock/gmock.h>
#include <signal.h>
#include <sotto/tools/verification.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <set>
#include <thread>

#include "train_run_fixture.h"

namespace sotto::tools {
namespace {

using std::chrono::microseconds;

int wanted_kills() {
  const char* const text = std::getenv("SOTTO_KILLS");
  return text == nullptr ? 200 : std::atoi(text);
}

class KilledRun : public TrainRun {
 protected:
  Words words() const {
    return data(train_) + Words{"--epsilon",         "3",
                                "--delta",           kDelta,
                                "--steps",           "40",
                                "--model",           "mlp",
                                "--output",          run_path().string(),
                                "--private-metrics", "8"};
  }
  Words next() const {
    std::error_code ignored;
    return std::filesystem::exists(run_path(), ignored) ? Words{"resume", run_path().string()} : words();
  }

  // How long a run takes that nobody kills.
  microseconds whole_run() const {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(run(words()).exit_code, 0);
    std::filesystem::remove_all(run_path());
    return std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - begin);
  }

  // What is in the folder after a kill. A run that cannot be continued has charged nothing, and is begun anew.
  void expect_nothing_lost(int64_t& charged_before) {
    std::error_code ignored;
    int64_t now = 0;
    if (std::filesystem::exists(ledger(), ignored)) {
      try {
        const privacy::LedgerContents read = privacy::read_ledger(ledger());
        now = read.steps_charged();
        std::set<std::string> keys;
        for (const privacy::LedgerIncarnation& start : read.incarnations)
          EXPECT_TRUE(keys.insert(start.noise_key).second && keys.insert(start.sampler_key).second);
        for (const privacy::LedgerCheckpoint& checkpoint : read.checkpoints) EXPECT_LE(checkpoint.applied_steps, now);
      } catch (const LedgerError& error) {
        EXPECT_THAT(error.what(), ::testing::HasSubstr("no complete header"));
      }
    }
    ASSERT_GE(now, charged_before) << "a charge was lost";
    charged_before = now;
    if (!std::filesystem::exists(run_path() / "checkpoint.safetensors", ignored)) {
      ASSERT_EQ(now, 0) << "steps were charged before there was a checkpoint";
      std::filesystem::remove_all(run_path());
      return;
    }
    const Verification found = verify_run(RunFolder(run_path()));
    for (const Check& check : found.checks)
      EXPECT_NE(check.outcome, Check::Outcome::fails) << check.subject << ": " << check.text;
  }
};

TEST_F(KilledRun, GoesOnUntilItIsFinishedAndVerifies) {
  const microseconds whole = whole_run();
  const int kills = wanted_kills();
  std::mt19937_64 random(20261127);
  int killed = 0, runs = 0, lost = 0;
  for (; killed < kills; ++runs) {
    std::filesystem::remove_all(run_path());
    int64_t charged_before = 0;
    for (;;) {
      Program program(next());
      if (killed < kills) {
        std::this_thread::sleep_for(microseconds(std::uniform_int_distribution<int64_t>(0, whole.count())(random)));
        program.signal_when([] { return true; }, SIGKILL);
      }
      const Outcome outcome = program.finish();
      const bool was_over = outcome.exit_code == 64 && outcome.err.find("is finished") != std::string::npos;
      if (outcome.exit_code == 0 || was_over) break;
      ASSERT_EQ(outcome.exit_code, -1) << outcome.err;
      ++killed;
      ASSERT_NO_FATAL_FAILURE(expect_nothing_lost(charged_before)) << "kill " << killed;
    }
    const Verification found = verify_run(RunFolder(run_path()));
    ASSERT_TRUE(found.holds() && found.finished());
    ASSERT_EQ(found.ledger->steps_charged(), 40);
    ASSERT_LE(found.ledger->evaluations_charged, 8);
    ASSERT_GE(found.ledger->evaluations_charged, 6);
    lost += 40 - static_cast<int>(found.ledger->checkpoints.back().applied_steps);
    ASSERT_EQ(
        run({"evaluate", run_path().string(), "--test-images", test_.images, "--test-labels", test_.labels}).exit_code,
        0);
  }
  std::printf("kills: %d, runs: %d, steps charged that the models lack: %d\n", killed, runs, lost);
}

}  // namespace
}  // namespace sotto::tools
