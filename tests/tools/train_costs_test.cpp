// What a run keeps of the machine that it began on: costs of kernels, memory. Runs the real program.

#include <cstdlib>
#include <regex>
#include <sstream>

#include "train_run_fixture.h"

namespace sotto::tools {
namespace {

// The value of a key in RUN/config.toml, as it stands there.
std::string configured(const std::filesystem::path& run, const std::string& key) {
  std::istringstream lines(content(run / "config.toml"));
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(key + " = ")) return line.substr(key.size() + 3);
  return "";
}

TEST_F(TrainRun, KeepsTheCostsThatItBeganWith) {
  const auto no_cache = [] { ::setenv("XDG_CACHE_HOME", "/dev/null/cache", 1); };
  const std::string notice = "cannot be kept";
  Program program(private_run("150"), no_cache);
  ASSERT_TRUE(program.signal_when([&] { return ledger_has_lines(6); }, SIGINT));
  const Outcome stopped = program.finish();
  ASSERT_EQ(stopped.exit_code, 130) << stopped.err;
  EXPECT_NE(stopped.err.find(notice), std::string::npos) << "not measured: " << stopped.err;
  EXPECT_EQ(stopped.err.find(notice), stopped.err.rfind(notice)) << "told twice: " << stopped.err;
  const std::string costs = configured(run_path(), "kernel-costs");
  EXPECT_EQ(std::ranges::count(costs, ','), 3) << costs;
  const Outcome resumed = run({"resume", run_path().string()}, no_cache);
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(resumed.out.find(notice), std::string::npos) << "measured again: " << resumed.out;
  EXPECT_EQ(configured(run_path(), "kernel-costs"), costs);
}

// Of a version that recorded none: those were built in.
TEST_F(TrainRun, MeasuresNothingToResumeARunWithoutCosts) {
  Program program(private_run("150"));
  ASSERT_TRUE(program.signal_when([&] { return ledger_has_lines(6); }, SIGINT));
  ASSERT_EQ(program.finish().exit_code, 130);
  std::string config = content(run_path() / "config.toml");
  config.erase(config.find("kernel-costs"),
               config.find('\n', config.find("kernel-costs")) + 1 - config.find("kernel-costs"));
  std::ofstream(run_path() / "config.toml", std::ios::binary) << config;
  const Outcome resumed =
      run({"resume", run_path().string()}, [] { ::setenv("XDG_CACHE_HOME", "/dev/null/cache", 1); });
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(resumed.out.find("cannot be kept"), std::string::npos) << resumed.out;
}

TEST_F(TrainRun, RepeatsATestSeedWhateverIsKeptOfTheMachine) {
  const auto no_cache = [] { ::setenv("XDG_CACHE_HOME", "/dev/null/cache", 1); };
  const Outcome seeded = run(private_run("2") + Words{"--insecure-test-seed", "7"}, no_cache);
  ASSERT_EQ(seeded.exit_code, 0) << seeded.err;
  EXPECT_EQ(seeded.err.find("cannot be kept"), std::string::npos) << seeded.err;
  const std::string again = (folder_.path() / "again").string();
  const Outcome repeated =
      run({"train", "--config", (run_path() / "config.toml").string(), "--output", again}, no_cache);
  ASSERT_EQ(repeated.exit_code, 0) << repeated.err;
  EXPECT_EQ(repeated.out.find("cannot be kept"), std::string::npos);
  EXPECT_EQ(configured(again, "kernel-costs"), configured(run_path(), "kernel-costs"));
  EXPECT_EQ(content(run_path() / "model.safetensors"), content(again + "/model.safetensors"));
}

TEST_F(TrainRun, ThePhysicalBatchIsCutToTheMemoryAndStaysSo) {
  const Outcome refused = run(private_run("150") + Words{"--memory", "1kB"});
  expect_failure(refused, 64, "[--memory] too little: 1000 bytes");
  EXPECT_FALSE(std::filesystem::exists(run_path()));
  std::smatch two_records;
  ASSERT_TRUE(std::regex_search(refused.err, two_records, std::regex("holds at least ([0-9]+)")));
  const std::string memory = std::to_string(3 * std::stoll(two_records[1]));

  Program program(private_run("150") + Words{"--memory", memory});
  ASSERT_TRUE(program.signal_when([&] { return ledger_has_lines(6); }, SIGINT));
  const Outcome stopped = program.finish();
  ASSERT_EQ(stopped.exit_code, 130) << stopped.err;
  EXPECT_EQ(configured(run_path(), "memory"), '"' + memory + '"');
  const std::string batch = configured(run_path(), "physical-batch");
  EXPECT_NEAR(std::stoi(batch), 6, 1);
  EXPECT_NE(stopped.err.find("physical batch cut from 32 to " + batch + " records"), std::string::npos) << stopped.err;
  const Outcome resumed = run({"resume", run_path().string()});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(resumed.out.find("physical batch cut"), std::string::npos) << resumed.out;
  EXPECT_EQ(configured(run_path(), "physical-batch"), batch);
}

}  // namespace
}  // namespace sotto::tools
