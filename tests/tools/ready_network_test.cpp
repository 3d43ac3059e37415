// `sotto explain`, `sotto train` and `sotto evaluate` with all ready networks. Runs the real program.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/models/vision.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "program.h"
#include "run_weights.h"
#include "small_images.h"

namespace sotto::tools {
namespace {

using nlohmann::json;
using testing::content, testing::Outcome, testing::run, testing::run_weights, testing::SmallImages;
using ::testing::HasSubstr, ::testing::Not;
using testing::Words, testing::operator+;

class ReadyNetwork : public ::testing::Test {
 protected:
  ReadyNetwork() : images_(testing::write_small_images(folder_, "few", 24)) {}

  Outcome train(const std::string& model, const std::string& output, const Words& more) const {
    return run(Words{"train", "--model", model, "--train-images", images_.images, "--train-labels", images_.labels,
                     "--dataset-size", "24", "--threads", "1", "--physical-batch", "8", "--output", path(output)} +
               more);
  }
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }

  std::vector<float> weights(const std::string& output) const { return run_weights(path(output)); }

  sotto::testing::ScratchFolder folder_;
  SmallImages images_;
};

TEST_F(ReadyNetwork, EveryOneIsProvenIndependentOnGreyAndColourPictures) {
  for (const std::string_view name : models::vision_models()) {
    for (const char* input : {"3x1x28x28", "3x3x32x32"}) {
      const Outcome outcome = run({"explain", "--model", std::string(name), "--input", input, "--json"});
      ASSERT_EQ(outcome.exit_code, 0) << name << ": " << outcome.err;
      EXPECT_EQ(json::parse(outcome.out).at("verdict"), "probed") << name;
    }
  }
}

TEST_F(ReadyNetwork, InputsOfOtherSizesAreRefused) {
  for (const char* input : {"3x784", "3x28x28", "3x1x1x28x28", "3x1x2x2"})
    EXPECT_EQ(run({"explain", "--model", "scattering-linear", "--input", input}).exit_code, 64) << input;
}

TEST_F(ReadyNetwork, StrategiesArePrintedWithWhatTheyHoldWithinTheMemoryAskedFor) {
  const std::vector<std::string> arguments = {"explain", "--model", "mlp", "--input", "4x1x28x28", "--strategy"};
  const Outcome outcome = run(arguments);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("rank-one"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("holds MB"), std::string::npos) << outcome.out;

  const auto held = [&](const std::string& memory) {
    const Outcome of = run({"explain", "--model", "resnet20", "--input", "4x3x32x32", "--memory", memory, "--json"});
    EXPECT_EQ(of.exit_code, 0) << of.err;
    int64_t bytes = 0;
    const json table = json::parse(of.out);
    for (const json& parameter : table.at("parameters")) {
      for (const json& use : parameter.at("uses")) bytes += use.at("held_bytes").get<int64_t>();
    }
    return bytes;
  };
  EXPECT_LT(held("1"), held("1000000000"));
  EXPECT_EQ(run({"explain", "--model", "mlp", "--input", "4x1x28x28", "--memory", "-1"}).exit_code, 64);
}

TEST_F(ReadyNetwork, EveryOneTrainsPrivatelyAndIsEvaluated) {
  for (const std::string_view name : models::vision_models()) {
    const std::string run_name = "run-" + std::string(name);
    const Outcome outcome =
        train(std::string(name), run_name,
              {"--batch", "6", "--noise-multiplier", "8", "--delta", "0.001", "--steps", "2", "--lr-schedule", "linear",
               "--test-images", images_.images, "--test-labels", images_.labels, "--json"});
    ASSERT_EQ(outcome.exit_code, 0) << name << ": " << outcome.err;
    const json result = json::parse(outcome.out);
    EXPECT_EQ(result.at("model"), name);
    EXPECT_FALSE(result.contains("seconds_of_features")) << name;
    EXPECT_TRUE(result.at("seconds").is_number_integer()) << name;
    const Outcome evaluated = run({"evaluate", path(run_name), "--json"});
    ASSERT_EQ(evaluated.exit_code, 0) << name << ": " << evaluated.err;
    EXPECT_EQ(json::parse(evaluated.out).at("accuracy"), result.at("accuracy")) << name;
  }
  EXPECT_THAT(content(path("run-scattering-linear/certificate.json")), HasSubstr("scattering features"));
  EXPECT_THAT(content(path("run-cnn/certificate.json")), Not(HasSubstr("scattering features")));
}

// In batches of all records, the second gradient is that at the weights after one step.
TEST_F(ReadyNetwork, LinearScheduleHalvesTheSecondOfTwoSteps) {
  const auto after = [&](const std::string& steps, const std::string& schedule) {
    const std::string name = schedule + steps;
    const Outcome outcome = train("cnn", name,
                                  {"--rule", "none", "--batch", "24", "--momentum", "0", "--lr", "0.5", "--steps",
                                   steps, "--lr-schedule", schedule, "--insecure-test-seed", "5"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return weights(name);
  };
  const std::vector<float> one = after("1", "constant"), two = after("2", "constant"), linear = after("2", "linear");
  ASSERT_EQ(one.size(), 26010u);
  float moved = 0;
  for (size_t i = 0; i < one.size(); ++i) {
    EXPECT_NEAR(linear[i] - one[i], (two[i] - one[i]) / 2, 1e-6F);
    moved = std::max(moved, std::abs(two[i] - one[i]));
  }
  EXPECT_GT(moved, 1e-3F);
}

}  // namespace
}  // namespace sotto::tools
