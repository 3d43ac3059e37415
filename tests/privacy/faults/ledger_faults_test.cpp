// A ledger whose program is killed at a random instant, or at any of its system calls, or whose system calls fail:
// whatever was drawn is charged, little more is, no key serves twice, and the run can be continued.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/ledger_contents.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "../../support/scratch_folder.h"

namespace sotto::privacy {
namespace {

constexpr std::int64_t kSteps = 12;
constexpr int kMostOverChargedByACrash = 2;
constexpr int kKilled = -1;

using Environment = std::map<std::string, std::string>;

pid_t start(const std::filesystem::path& folder, std::int64_t steps, const Environment& environment) {
  const std::string text = std::to_string(steps);
  const pid_t child = ::fork();
  if (child != 0) return child;
  for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
  const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  ::dup2(null, STDERR_FILENO);
  ::execl(SOTTO_LEDGER_WRITER, SOTTO_LEDGER_WRITER, folder.c_str(), text.c_str(), nullptr);
  ::_exit(127);
}

int finish(pid_t child) {
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : kKilled;
}

struct Drawn {
  std::int64_t steps = 0;
  std::set<std::string> keys;
};

class LedgerFaults : public ::testing::Test {
 protected:
  std::filesystem::path ledger() const { return folder_.path() / "ledger.jsonl"; }

  // What was drawn: no step and no evaluation twice.
  Drawn drawn(const char* of = "noise") const {
    Drawn result;
    std::set<std::int64_t> steps;
    std::ifstream file(folder_.path() / of);
    std::int64_t step = 0;
    for (std::string key; file >> step >> key; ++result.steps) {
      EXPECT_TRUE(steps.insert(step).second) << "step " << step << " was drawn twice";
      result.keys.insert(key);
    }
    return result;
  }

  void start_anew() {
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) std::filesystem::remove(entry);
    crashes_ = 0;
  }

  // The state after a fault, whatever it was.
  void expect_nothing_lost() {
    const Drawn drawn = this->drawn();
    LedgerContents read;
    try {
      read = read_ledger(ledger());
    } catch (const LedgerError& error) {
      ASSERT_EQ(drawn.steps, 0) << error.what();  // its header was not complete: nothing can have been charged
      return;
    }
    ASSERT_GE(read.steps_charged(), drawn.steps);
    const Drawn evaluations = this->drawn("evaluations");
    ASSERT_GE(read.evaluations_charged, evaluations.steps);
    ASSERT_LE(read.evaluations_charged, evaluations.steps + crashes_);
    ASSERT_LE(read.steps_charged(), drawn.steps + kMostOverChargedByACrash * crashes_);
    for (const Drawn* made : {&drawn, &evaluations})
      for (const std::string& key : made->keys)
        ASSERT_TRUE(std::ranges::any_of(read.incarnations, [&](const auto& start) { return start.noise_key == key; }));
  }

  void expect_that_it_goes_on() {
    const int code = finish(start(folder_.path(), kSteps, {}));
    ASSERT_EQ(code, 0);
    const LedgerContents read = read_ledger(ledger());
    ASSERT_FALSE(read.torn);
    ASSERT_GE(read.steps_charged(), kSteps);
    ASSERT_GE(drawn().steps, kSteps - kMostOverChargedByACrash * crashes_);
    expect_nothing_lost();
  }

  testing::ScratchFolder folder_{testing::ScratchFolder::memory()};
  int crashes_ = 0;
};

TEST_F(LedgerFaults, EverySystemCallMayFailOrBeTheLast) {
  int faults = 0;
  for (const std::string kind : {"kill-before", "kill-after", "kill-part", "EIO", "ENOSPC"}) {
    for (const bool resumed : {false, true}) {
      for (int call = 1;; ++call) {
        start_anew();
        if (resumed) {  // the fault comes in a run that goes on with a torn ledger
          ASSERT_EQ(finish(start(folder_.path(), 4, {})), 0);
          std::ofstream(ledger(), std::ios::app) << R"({"record":"reserve","step":4,"rel)";
          crashes_ = 1;
        }
        const int code = finish(start(folder_.path(), kSteps,
                                      {{"LD_PRELOAD", SOTTO_FAULT_SHIM},
                                       {"SOTTO_FAULT_AT", std::to_string(call)},
                                       {"SOTTO_FAULT_KIND", kind},
                                       {"SOTTO_FAULT_PATH", "ledger.jsonl"},
                                       {"SOTTO_FAULT_COUNT", (folder_.path() / "calls").string()}}));
        int calls = call;  // a program that was killed could not say
        std::ifstream(folder_.path() / "calls") >> calls;
        ++crashes_;
        SCOPED_TRACE(kind + " at call " + std::to_string(call) + (resumed ? " of a resumed run" : ""));
        if (calls < call) {  // there is no such call any more
          EXPECT_EQ(code, 0);
          EXPECT_GT(call, 30);
          break;
        }
        ++faults;
        if (kind.starts_with("kill")) {
          ASSERT_EQ(code, kKilled);
        }
        ASSERT_NO_FATAL_FAILURE(expect_nothing_lost());
        ASSERT_NO_FATAL_FAILURE(expect_that_it_goes_on());
      }
    }
  }
  RecordProperty("faults", faults);
  std::printf("faults that were tried: %d\n", faults);
}

// SOTTO_KILLS in the environment is the number of kills, 200 without it.
TEST_F(LedgerFaults, KilledAtRandomInstantsItChargesWhatWasDrawnAndLittleMore) {
  const char* const wanted = std::getenv("SOTTO_KILLS");
  const int kills = wanted == nullptr ? 200 : std::atoi(wanted);
  std::mt19937_64 random(20260101);
  std::int64_t over = 0;
  for (int kill = 0; kill < kills;) {
    start_anew();
    for (bool finished = false; !finished && kill < kills;) {
      const pid_t child = start(folder_.path(), 400, {});
      std::this_thread::sleep_for(std::chrono::microseconds(1500 + random() % 8000));
      ::kill(child, SIGKILL);
      finished = finish(child) == 0;
      if (finished) break;
      ++kill;
      ++crashes_;
      ASSERT_NO_FATAL_FAILURE(expect_nothing_lost()) << "kill " << kill;
    }
    ASSERT_EQ(finish(start(folder_.path(), 400, {})), 0);
    const LedgerContents read = read_ledger(ledger());
    ASSERT_GE(read.steps_charged(), 400);
    over += read.steps_charged() - drawn().steps;
    ASSERT_GE(read.steps_charged(), drawn().steps);
  }
  std::printf("kills: %d; steps charged and not drawn: %lld\n", kills, static_cast<long long>(over));
}

}  // namespace
}  // namespace sotto::privacy
