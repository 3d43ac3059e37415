// TorchScript files that go wrong: while they are examined, in a training step, or for hours. Runs the real program.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <torch/csrc/jit/serialization/pickle.h>

#include <nlohmann/json.hpp>

#include "../models/written_model.h"
#include "program.h"
#include "small_images.h"

namespace sotto::tools {
namespace {

using models::testing::written_classifier;
using testing::content, testing::Outcome, testing::Program, testing::run, testing::Words, testing::operator+;
using ::testing::HasSubstr, ::testing::Not;

constexpr std::uint32_t kPictures = 60;
constexpr const char* kFolderLine = "run               ";

class ModelTrouble : public ::testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& bytes) const {
    return folder_.write(name, sotto::testing::Bytes(bytes.begin(), bytes.end())).string();
  }
  std::string classifier(const std::string& lines) const { return file("net.ts", written_classifier(lines)); }
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  // Passes of five records each.
  Words train(const std::string& model, const Words& more) const {
    return Words{"train",
                 "--model",
                 model,
                 "--train-images",
                 images_.images,
                 "--train-labels",
                 images_.labels,
                 "--dataset-size",
                 std::to_string(kPictures),
                 "--batch",
                 "12",
                 "--threads",
                 "1",
                 "--physical-batch",
                 "5",
                 "--output",
                 path("run")} +
           more;
  }
  Words train_privately(const std::string& model, const Words& more = {"--steps", "2"}) const {
    return train(model, Words{"--delta", "0.001", "--noise-multiplier", "8"} + more);
  }
  void expect_nothing_kept(const Outcome& outcome, int exit_code, const std::string& what) const {
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(what));
    EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << "not one line: " << outcome.err;
    EXPECT_THAT(outcome.out, Not(HasSubstr(kFolderLine)));
    EXPECT_FALSE(std::filesystem::exists(path("run")));
  }

  sotto::testing::ScratchFolder folder_;
  testing::SmallImages images_ = testing::write_small_images(folder_, "many", kPictures);
};

TEST_F(ModelTrouble, FolderOfARunIsToldOnceItStays) {
  const Outcome outcome = run(train_privately(classifier("")));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr(kFolderLine + path("run") + "\n"));
}

// The made-up records of the analysis are four, those of a pass five.
TEST_F(ModelTrouble, RefusalInTheFirstStepIsTheFilesFault) {
  const std::string model = classifier("    if x.size(0) == 5:\n        x = torch.where(x == x, x, x.mean(0))\n");
  expect_nothing_kept(run(train_privately(model)), 65, "sotto: [--model] refused: ");
}

// A pixel of 255 is 1, which made-up pixels never reach.
TEST_F(ModelTrouble, WhatAModelRaisesInAStepIsTheFilesFault) {
  std::string pixels = content(images_.images);
  for (size_t i = 16; i < pixels.size(); i += 784) pixels[i] = static_cast<char>(255);
  file("many-images", pixels);
  const std::string model = classifier(
      "    i = torch.floor(torch.flatten(x, 1)[:, :1]).to(4).clamp(0)\n"
      "    x = torch.flatten(x, 1) + torch.embedding(torch.zeros([1, 784]), i).sum(1)\n");
  const std::string what = "sotto: [--model] the model fails: index out of range";
  expect_nothing_kept(run(train(model, {"--rule", "none", "--steps", "2"})), 65, what);
  // What it says of private records may hold their values.
  const Outcome secret = run(train_privately(model));
  expect_nothing_kept(secret, 65, "sotto: [--model] the model fails: it ran on made-up records");
  EXPECT_THAT(secret.err, ::testing::Not(HasSubstr("index")));
  // The test records are first run after the last step.
  const std::string clean = testing::write_small_images(folder_, "clean", kPictures).images;
  Words words = train(
      model, {"--rule", "none", "--steps", "1", "--test-images", images_.images, "--test-labels", images_.labels});
  words[4] = clean;
  const Outcome outcome = run(words);
  EXPECT_EQ(outcome.exit_code, 65);
  EXPECT_THAT(outcome.err, HasSubstr(what));
}

TEST_F(ModelTrouble, AssertionOfAModelIsToldInOneLine) {
  const std::string model = classifier("    assert x.size(0) != 5, 'no batches of five'\n");
  const std::string what = " fails: AssertionError: no batches of five\n";
  expect_nothing_kept(run(train_privately(model)), 65, what);
  expect_nothing_kept(run(train(model, {"--rule", "none", "--steps", "2"})), 65, what);
  const Outcome outcome = run({"explain", "--model", model, "--input", "5x1x28x28"});
  EXPECT_EQ(outcome.exit_code, 65) << outcome.out;
}

TEST_F(ModelTrouble, FullDiskInAStepIsStillAFullDisk) {
  const Outcome outcome = run(train_privately(classifier(""), {"--steps", "3000"}), [] {
    ::signal(SIGXFSZ, SIG_IGN);  // writes beyond the limit fail as they do on a full disk
    const rlimit limit{100000, 100000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  });
  EXPECT_EQ(outcome.exit_code, 74) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("ledger"));
}

TEST_F(ModelTrouble, WeightsWithoutCodeAndMissingOperatorsAreBadData) {
  c10::impl::GenericDict state(c10::StringType::get(), c10::TensorType::get());
  state.insert("weight", at::ones({10, 784}));
  const std::vector<char> bytes = torch::jit::pickle_save(state);
  expect_nothing_kept(run(train_privately(file("net.pt", {bytes.begin(), bytes.end()}))), 65, "as torch.save() writes");
  expect_nothing_kept(run(train_privately(file("absent.ts", models::testing::written_with_absent_operator()))), 65,
                      "absent::scale");
}

TEST_F(ModelTrouble, EndlessExaminationIsTold) {
  const std::string model = classifier("    i = 0\n    while i >= 0:\n        i = 1 - i\n");
  for (const Words& words : {Words{"explain", "--model", model, "--input", "4x1x28x28"}, train_privately(model)}) {
    Program program(words);
    ASSERT_TRUE(program.signal_when([&] { return program.err().find('\n') != std::string::npos; }, SIGKILL));
    const Outcome outcome = program.finish();
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err, "examining " + model + " on made-up records ...\n");
    std::filesystem::remove_all(path("run"));
  }
}

TEST_F(ModelTrouble, DivergedRunEndsAndGoesOnWithASmallerRate) {
  // The noise has a standard deviation of 8 x 100 / 12.
  const Outcome outcome = run(train_privately(classifier(""), {"--steps", "3", "--clip-norm", "100", "--lr", "3e38"}));
  EXPECT_EQ(outcome.exit_code, 64);
  EXPECT_THAT(outcome.err, HasSubstr("[train] the run diverged with lr 3e+38: weight holds numbers that are not finite "
                                     "after step 1 of 3, which stays charged"));
  EXPECT_THAT(outcome.err, HasSubstr("sotto resume " + path("run")));

  std::string config = content(path("run/config.toml"));
  const size_t at = config.find("lr = ");
  ASSERT_NE(at, std::string::npos);
  config.replace(at, config.find('\n', at) - at, "lr = 0.5");
  file("run/config.toml", config);
  const Outcome resumed = run({"resume", path("run"), "--threads", "2"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_THAT(resumed.out, HasSubstr("1 of 3 steps charged"));
  EXPECT_THAT(resumed.out, HasSubstr("note              lr is 0.5; up to the checkpoint it was 3e+38\n"));
}

TEST_F(ModelTrouble, ResumeTakesThreadsAsTrainDoes) {
  ASSERT_EQ(run(train_privately(classifier(""))).exit_code, 0);
  const Outcome bad = run({"resume", path("run"), "--threads", "1025"});
  EXPECT_EQ(bad.exit_code, 64);
  EXPECT_THAT(bad.err, HasSubstr("[--threads] bad value: 1025; allowed is 0 to 1024"));
}

TEST(Explain, UnknownNameIsToldWithWhatIsAllowed) {
  const Outcome outcome = run({"explain", "--model", "resnet", "--input", "4x1x28x28"});
  EXPECT_EQ(outcome.exit_code, 64);
  EXPECT_THAT(outcome.err, HasSubstr("sotto: [--model] unknown value: 'resnet'; allowed are cnn, mlp, resnet20"));
  EXPECT_THAT(outcome.err, HasSubstr("a TorchScript file"));
}

// Its parts: a frozen layer 4 to 4, a buffer, a tensor of its own, and a trained layer 4 to 3.
TEST(Explain, ListsWhatIsNotTrained) {
  const Words words = {"explain", "--model", std::string(SOTTO_EXPORTED) + "/parts.ts", "--input", "4x4"};
  const Outcome text = run(words);
  ASSERT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, ::testing::ContainsRegex("not trained +sizes\n"));
  EXPECT_THAT(text.out, ::testing::ContainsRegex("\nfrozen.weight +\\[4, 4\\]\n"));
  const auto json = nlohmann::json::parse(run(words + Words{"--json"}).out);
  std::map<std::string, std::vector<int64_t>> listed;
  for (const auto& item : json.at("not_trained"))
    listed[item.at("name")] = item.at("sizes").get<std::vector<int64_t>>();
  EXPECT_EQ(listed.at("frozen.weight"), (std::vector<int64_t>{4, 4}));
  EXPECT_EQ(listed.at("shift"), std::vector<int64_t>{4});
  EXPECT_EQ(listed.at("scale"), std::vector<int64_t>{4});
  EXPECT_FALSE(listed.contains("output.weight"));
}

TEST(Explain, ShortIsTheVerdictWithProblemsAndNotes) {
  const auto explain = [](const char* name, const Words& more) {
    return run(Words{"explain", "--model", std::string(SOTTO_EXPORTED) + "/" + name, "--short", "--input"} + more);
  };
  const Outcome good = explain("parts.ts", {"4x4"});
  EXPECT_EQ(good.exit_code, 0);
  EXPECT_THAT(good.out,
              ::testing::EndsWith("accepted: independence of the records is proven, and probed on made-up records\n"));
  EXPECT_THAT(good.out, Not(HasSubstr("aten::linear")));
  const Outcome bad = explain("batch_norm.ts", {"4x1x28x28"});
  EXPECT_EQ(bad.exit_code, 65);
  EXPECT_THAT(bad.out, ::testing::StartsWith("problem: "));
  EXPECT_THAT(bad.out, ::testing::EndsWith("refused: see the problems above\n"));
  const auto json = nlohmann::json::parse(explain("parts.ts", {"4x4", "--json"}).out);
  EXPECT_EQ(json.at("verdict"), "probed");
  for (const char* key : {"operators", "parameters", "not_trained"}) EXPECT_FALSE(json.contains(key)) << key;
}

}  // namespace
}  // namespace sotto::tools
