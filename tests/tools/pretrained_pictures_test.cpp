// `sotto train --model mobilenet`, and what else takes that model. Runs the real program, on weights that are drawn
// here and stored as the published ones are.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/models/mobilenet.h>
#include <sotto/models/state.h>
#include <sotto/privacy/certificate.h>
#include <torch/torch.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "program.h"
#include "small_images.h"

namespace sotto::tools {
namespace {

using nlohmann::json;
using testing::content, testing::Outcome, testing::run, testing::SmallImages;
using ::testing::HasSubstr;
using testing::Words, testing::operator+;

constexpr models::ImageShape kShape = {.height = 28, .width = 28, .classes = 10, .channels = 1};

class PretrainedPictures : public ::testing::Test {
 protected:
  PretrainedPictures() : images_(testing::write_small_images(folder_, "few", 24)) {
    std::filesystem::create_directories(folder_.path() / "data" / "mobilenet");
    torch::manual_seed(1);
    const models::MobileNet network(kShape, models::MobileNetAdaptation::head);
    std::vector<models::NamedTensor> file = {{"classifier.1.weight", torch::zeros({1000, 1280})},
                                             {"classifier.1.bias", torch::zeros({1000})}};
    for (const auto& item : network.named_parameters()) {
      if (!item.key().starts_with("features.") || !item.key().ends_with(".weight")) continue;
      file.push_back({item.key(), item.value()});
      const std::string name = item.key().substr(0, item.key().size() - std::string(".weight").size());
      const size_t dot = name.rfind('.');
      const std::string norm = name.substr(0, dot + 1) + std::to_string(std::stoi(name.substr(dot + 1)) + 1);
      const int64_t channels = item.value().size(0);
      file.push_back({norm + ".weight", torch::ones({channels})});
      file.push_back({norm + ".bias", torch::full({channels}, 0.1)});
      file.push_back({norm + ".running_mean", torch::zeros({channels})});
      file.push_back({norm + ".running_var", torch::ones({channels})});
    }
    models::save_state(weights(), file);
  }

  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  std::filesystem::path weights() const { return folder_.path() / "data" / "mobilenet" / "mobilenet_v2.safetensors"; }
  Outcome sotto(const Words& words) const {
    return run(words, [&] { ::setenv("SOTTO_DATA", path("data").c_str(), 1); });
  }
  Words train(const std::string& output, const Words& more) const {
    return Words{"train",
                 "--model",
                 "mobilenet",
                 "--train-images",
                 images_.images,
                 "--train-labels",
                 images_.labels,
                 "--test-images",
                 images_.images,
                 "--test-labels",
                 images_.labels,
                 "--dataset-size",
                 "24",
                 "--threads",
                 "1",
                 "--output",
                 path(output),
                 "--physical-batch",
                 "8",
                 "--batch",
                 "6",
                 "--delta",
                 "0.001",
                 "--json"} +
           more;
  }

  sotto::testing::ScratchFolder folder_;
  SmallImages images_;
};

TEST_F(PretrainedPictures, HeadAndBiasesAreTrainedPrivatelyAndEvaluatedWithoutThePublishedFile) {
  for (const std::string adapt : {"head", "bias"}) {
    const Outcome outcome = sotto(train(adapt, {"--adapt", adapt, "--noise-multiplier", "8", "--steps", "2"}));
    ASSERT_EQ(outcome.exit_code, 0) << adapt << ": " << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("mobilenet, adapted by " + adapt));
    const privacy::Certificate certificate = privacy::parse_certificate(content(path(adapt) + "/certificate.json"));
    EXPECT_THAT(certificate.not_covered, ::testing::Contains(HasSubstr("its weights are treated as public")));
    EXPECT_THAT(certificate.not_covered, ::testing::Contains(HasSubstr("scaling of colours")));
    std::filesystem::rename(weights(), path("away"));
    const Outcome evaluated = sotto({"evaluate", path(adapt), "--json"});
    std::filesystem::rename(path("away"), weights());
    ASSERT_EQ(evaluated.exit_code, 0) << adapt << ": " << evaluated.err;
    EXPECT_EQ(json::parse(evaluated.out).at("accuracy"), json::parse(outcome.out).at("accuracy")) << adapt;
  }
}

// What is not trained is what the file says, and stays so.
TEST_F(PretrainedPictures, OnlyWhatIsAdaptedMoves) {
  const auto trained_file = [&](const std::string& adapt) {
    const Outcome outcome = sotto(train(adapt, {"--adapt", adapt, "--noise-multiplier", "8", "--steps", "1"}));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return models::SafetensorsFile::read(path(adapt) + "/model.safetensors");
  };
  const auto head = trained_file("head"), bias = trained_file("bias");
  const auto same = [&](const std::string& name) {
    const auto a = head.find(name)->bytes, b = bias.find(name)->bytes;
    return std::ranges::equal(a, b);
  };
  for (const models::TensorView& tensor : head.tensors()) {
    if (!tensor.name.starts_with("features.")) continue;
    EXPECT_EQ(same(tensor.name), !tensor.name.ends_with(".bias")) << tensor.name;
  }
}

// With the gradients of all layers a pass holds much for each record.
TEST_F(PretrainedPictures, BiasesAreTrainedInSmallerPassesUnlessToldOtherwise) {
  for (const auto& [adapt, expected] : {std::pair<std::string, int>{"head", 512}, {"bias", 64}}) {
    Words words = train(adapt, {"--adapt", adapt, "--rule", "none", "--steps", "1"});
    for (const char* flag : {"--physical-batch", "--delta"}) {
      const auto at = std::ranges::find(words, flag);
      words.erase(at, at + 2);
    }
    const Outcome outcome = sotto(words);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_THAT(content(path(adapt) + "/config.toml"),
                HasSubstr("physical-batch = " + std::to_string(expected) + "\n"));
  }
}

TEST_F(PretrainedPictures, AnotherFileOfWeightsDoesNotGoOn) {
  const Outcome outcome = sotto(train("head", {"--noise-multiplier", "8", "--steps", "1"}));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const std::string config = content(path("head") + "/config.toml");
  EXPECT_THAT(config, HasSubstr("adapt = \"head\""));
  const size_t at = config.find("model-sha256 = \"");
  ASSERT_NE(at, std::string::npos);
  std::string other = config.substr(at + 16, 64);
  other[0] = other[0] == '0' ? '1' : '0';
  const Outcome refused = sotto(train("other", {"--noise-multiplier", "8", "--steps", "1", "--model-sha256", other}));
  EXPECT_EQ(refused.exit_code, 65);
  EXPECT_THAT(refused.err, HasSubstr("mobilenet_v2.safetensors has the SHA-256"));
}

TEST_F(PretrainedPictures, BothAdaptationsAreProvenIndependent) {
  for (const std::string adapt : {"head", "bias"}) {
    const Outcome outcome =
        sotto({"explain", "--model", "mobilenet", "--adapt", adapt, "--input", "3x3x32x32", "--json"});
    ASSERT_EQ(outcome.exit_code, 0) << adapt << ": " << outcome.err;
    EXPECT_EQ(json::parse(outcome.out).at("verdict"), "probed") << adapt;
    EXPECT_EQ(json::parse(outcome.out).at("parameters").size(), adapt == "head" ? 2U : 54U);
  }
}

TEST_F(PretrainedPictures, WhatDoesNotFitIsRefused) {
  const auto refused = [&](const Words& words, int exit_code, const std::string& what) {
    const Outcome outcome = sotto(words);
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(what));
  };
  refused(train("x", {"--adapt", "lora", "--epsilon", "3"}), 64, "[--adapt] unknown value: 'lora'");
  refused({"explain", "--model", "cnn", "--adapt", "head", "--input", "3x1x28x28"}, 64, "[--adapt] has no place");
  refused({"explain", "--model", "mobilenet", "--input", "3x2x32x32"}, 64, "must be 1 or 3");
  refused({"train", "fashion-mnist", "--model", "cnn", "--adapt", "head", "--epsilon", "3"}, 64,
          "[--adapt] has no place with --model cnn");
  std::filesystem::remove(weights());
  refused(train("y", {"--epsilon", "3"}), 65, "'tools/fetch_data.sh mobilenet' fetches it");
}

}  // namespace
}  // namespace sotto::tools
