// The program's --device where there is no device: what it refuses, with which words, and that auto goes on without.

#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "program.h"
#include "small_images.h"

namespace sotto::tools {
namespace {

using testing::content, testing::Outcome, testing::run;
using testing::Words, testing::operator+;

class DeviceFlag : public ::testing::Test {
 protected:
  std::vector<Words> commands() const {
    return {training(), {"bench", "step", "--model", "mlp"}, {"explain", "--model", "mlp", "--input", "4x1x28x28"}};
  }
  Words training() const {
    return {"train",
            "--train-images",
            images_.images,
            "--train-labels",
            images_.labels,
            "--dataset-size",
            "300",
            "--epsilon",
            "3",
            "--delta",
            "1e-4",
            "--model",
            "mlp",
            "--batch",
            "40",
            "--steps",
            "2",
            "--threads",
            "1",
            "--output",
            run_path()};
  }
  std::string run_path() const { return (folder_.path() / "run").string(); }

  // Runs with these libraries alone, each under the name that the program looks for.
  Outcome run_with(const Words& words, const std::vector<std::pair<std::string, std::string>>& libraries) const {
    const std::filesystem::path place = folder_.path() / "libraries";
    std::filesystem::remove_all(place);
    std::filesystem::create_directories(place);
    for (const auto& [name, file] : libraries) std::filesystem::create_symlink(file, place / name);
    return run(words, [&] { ::setenv("SOTTO_LIBRARY_PATH", place.c_str(), 1); });
  }
  void expect_refusal(const Outcome& outcome, const std::string& what) const {
    EXPECT_EQ(outcome.exit_code, 64) << outcome.err;
    EXPECT_EQ(outcome.err.rfind("sotto: ", 0), 0u) << outcome.err;
    EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << "not one line: " << outcome.err;
    EXPECT_NE(outcome.err.find(what), std::string::npos) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_FALSE(std::filesystem::exists(run_path())) << "something was left behind";
  }

  sotto::testing::ScratchFolder folder_;
  testing::SmallImages images_ = testing::write_small_images(folder_, "train", 300);
};

TEST_F(DeviceFlag, OtherWordsAreRefused) {
  for (const Words& command : commands()) {
    for (const char* word : {"gpu", "CUDA", "cuda:", "cuda:x", "cuda:-1", "cuda:1 ", "cuda:128", "cuda:99999999999"})
      expect_refusal(run(command + Words{"--device=" + std::string(word)}),
                     "[--device] unknown value: '" + std::string(word) + "'; allowed are cpu, cuda, cuda:N, auto");
  }
}

TEST_F(DeviceFlag, WithoutTheLibraryOfKernelsOneSentenceSaysSo) {
  for (const Words& command : commands()) {
    for (const char* device : {"cuda", "cuda:3"})
      expect_refusal(run_with(command + Words{"--device", device}, {}),
                     "[--device] CUDA devices need libsotto_cuda.so, which is in none of: ");
  }
}

TEST_F(DeviceFlag, ALibraryOfAnotherReleaseIsRefused) {
  for (const Words& command : commands())
    expect_refusal(run_with(command + Words{"--device", "cuda"}, {{"libsotto_cuda.so", SOTTO_OTHER_CUDA}}),
                   "belongs to another release of sotto");
}

TEST_F(DeviceFlag, HelpSaysWhereCudaHasRun) {
  for (const Words& command :
       {Words{"train"}, Words{"resume"}, Words{"evaluate"}, Words{"explain"}, Words{"bench", "step"}}) {
    const std::string help = run(command + Words{"--help"}).out;
    EXPECT_NE(help.find("--device"), std::string::npos) << command[0];
    EXPECT_NE(help.find("one NVIDIA H200"), std::string::npos) << command[0];
  }
}

#ifdef SOTTO_CUDA_PLUGIN
TEST_F(DeviceFlag, WithoutADriverOneSentenceSaysSo) {
  for (const Words& command : commands()) {
    const Outcome outcome = run_with(command + Words{"--device", "cuda"}, {{"libsotto_cuda.so", SOTTO_CUDA_PLUGIN}});
    if (outcome.err.find("libsotto_train.so") != std::string::npos) GTEST_SKIP() << "this machine has a device";
    expect_refusal(outcome, "[cuda] ");
    EXPECT_NE(outcome.err.find("or run on the processor"), std::string::npos) << outcome.err;
  }
}
#endif

#ifdef SOTTO_TRAINING
// The library of kernels that runs on the processor says that there is a device; LibTorch sees none.
TEST_F(DeviceFlag, ALibTorchThatHasNoDeviceIsRefused) {
  for (const Words& command : commands()) {
    const Outcome outcome = run_with(command + Words{"--device", "cuda"}, {{"libsotto_cuda.so", SOTTO_SIMULATED_CUDA},
                                                                           {"libsotto_train.so", SOTTO_TRAINING}});
    if (outcome.err.find("[cuda] the CUDA part of LibTorch cannot be loaded: ") == std::string::npos)
      expect_refusal(outcome, "[cuda] LibTorch does not see cuda:0");
    else
      expect_refusal(outcome, "or run on the processor");
  }
}

class AutomaticDevice : public DeviceFlag {
 protected:
  Outcome without_device(const Words& words) const { return run_with(words, {{"libsotto_train.so", SOTTO_TRAINING}}); }
  static constexpr const char* kNote =
      "sotto: note: --device auto runs on the processor: [--device] CUDA devices need libsotto_cuda.so";
};

TEST_F(AutomaticDevice, IsTheProcessorWhereThereIsNoOtherAndSaysSo) {
  const Outcome bench =
      without_device({"bench", "step", "--model", "mlp", "--batch", "2", "--pairs", "7", "--json", "--device", "auto"});
  ASSERT_EQ(bench.exit_code, 0) << bench.err;
  EXPECT_TRUE(bench.err.starts_with(kNote)) << bench.err;
  EXPECT_EQ(nlohmann::json::parse(bench.out).at("device"), "cpu");
  const Outcome explained = without_device({"explain", "--model", "mlp", "--input", "4x1x28x28", "--device", "auto"});
  EXPECT_EQ(explained.exit_code, 0) << explained.err;
  EXPECT_TRUE(explained.err.starts_with(kNote)) << explained.err;
}

// Also where the driver shows a device and LibTorch does not.
TEST_F(AutomaticDevice, IsWrittenDownAsWhatItWas) {
  const Outcome trained = run_with(training() + Words{"--device", "auto", "--json"},
                                   {{"libsotto_cuda.so", SOTTO_SIMULATED_CUDA}, {"libsotto_train.so", SOTTO_TRAINING}});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  // Said by sotto, or, where the CUDA part of LibTorch lacks a library of its own, by what loads it.
  constexpr std::string_view kRuns = "sotto: note: --device auto runs on the processor: [";
  EXPECT_TRUE(trained.err.starts_with(std::string(kRuns) + "--device] ") ||
              trained.err.starts_with(std::string(kRuns) + "cuda] "))
      << trained.err;
  EXPECT_EQ(nlohmann::json::parse(trained.out).at("device"), "cpu");
  EXPECT_NE(content(run_path() + "/config.toml").find("device = \"cpu\"\n"), std::string::npos);
}

// A run goes on elsewhere when it is told to, and says so; that it cannot leaves it as it was.
TEST_F(AutomaticDevice, ARunIsResumedOnAnotherDeviceAndSaysSo) {
  Words longer = training();
  longer[16] = "100000";
  {
    testing::Program program(longer, [&] { ::setenv("SOTTO_LIBRARY_PATH", "", 1); });
    ASSERT_TRUE(program.signal_when(
        [&] { return content(run_path() + "/ledger.jsonl").find("\"step\":3") != std::string::npos; }, SIGINT));
    EXPECT_EQ(program.finish().exit_code, 130);
  }
  const std::string path = run_path() + "/config.toml";
  std::string text = content(path);
  const std::string ledger = content(run_path() + "/ledger.jsonl");
  ASSERT_NE(text.find("device = \"cpu\"\n"), std::string::npos);
  text.replace(text.find("device = \"cpu\""), 14, "device = \"cuda:0\"");  // as on a machine that has one
  std::ofstream(path) << text;

  const Outcome refused = without_device({"resume", run_path()});
  EXPECT_EQ(refused.exit_code, 64) << refused.err;
  EXPECT_NE(refused.err.find("[--device] CUDA devices need"), std::string::npos) << refused.err;
  EXPECT_EQ(content(run_path() + "/ledger.jsonl"), ledger);

  testing::Program program({"resume", run_path(), "--device", "cpu"});
  const auto on = [&] { return content(run_path() + "/ledger.jsonl").size() > ledger.size() + 1000; };
  ASSERT_TRUE(program.signal_when(on, SIGINT));
  const Outcome resumed = program.finish();
  EXPECT_EQ(resumed.exit_code, 130) << resumed.err;
  EXPECT_NE(resumed.out.find("the device is cpu; the run began on cuda:0"), std::string::npos) << resumed.out;
}
#endif

}  // namespace
}  // namespace sotto::tools
