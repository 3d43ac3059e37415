// `sotto train text` with a published encoder: what is adapted and what stays, and what leaves with the run.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/models/safetensors.h>
#include <sotto/models/state.h>
#include <sotto/privacy/ledger_contents.h>
#include <sotto/privacy/ledger_text.h>
#include <sotto/privacy/sha256.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "train_text_fixture.h"

namespace sotto::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(TrainPublished, AdaptsInEveryWayAndRunsWithoutTheFolderAfterwards) {
  const std::string folder = write_model("model");
  for (const char* way : {"head", "bitfit", "lora", "full"})
    done(published(way, folder, {"--adapt", way, "--test-fraction", "0.3", "--noise-multiplier", "1", "--steps", "3"}));
  const std::string texts = write("new.txt", "the film was fine\n");
  std::filesystem::remove_all(folder);
  for (const char* way : {"head", "bitfit", "lora", "full"}) {
    EXPECT_THAT(done({"predict", path(way), "--input", texts}).out, HasSubstr("0."));
    EXPECT_THAT(done({"evaluate", path(way)}).out, HasSubstr("test accuracy"));
  }
}

std::string tensor_bytes(const models::SafetensorsFile& file, const std::string& name) {
  const models::TensorView* view = file.find(name);
  if (view == nullptr) return "no " + name;
  return {reinterpret_cast<const char*>(view->bytes.data()), view->bytes.size()};
}

TEST_F(TrainPublished, FrozenWeightsStayThoseOfTheFolder) {
  const std::string folder = write_model("model");
  const auto published_of = models::SafetensorsFile::read(folder + "/model.safetensors");
  for (const char* way : {"head", "bitfit", "lora"}) {
    done(published(way, folder, {"--adapt", way, "--noise-multiplier", "1", "--steps", "3"}));
    const auto trained = models::SafetensorsFile::read(path(way) + "/model.safetensors");
    const std::string name = "encoder.layer.0.attention.self.query.";
    EXPECT_EQ(tensor_bytes(trained, "bert." + name + "weight"), tensor_bytes(published_of, name + "weight")) << way;
    const bool same_bias = tensor_bytes(trained, "bert." + name + "bias") == tensor_bytes(published_of, name + "bias");
    EXPECT_EQ(same_bias, std::string(way) != "bitfit") << way;
  }
}

std::vector<float> floats(const models::SafetensorsFile& file, const std::string& name) {
  const std::string bytes = tensor_bytes(file, name);
  std::vector<float> result(bytes.size() / sizeof(float));
  std::memcpy(result.data(), bytes.data(), result.size() * sizeof(float));
  return result;
}

float largest(const std::vector<float>& values) {
  float result = 0;
  for (const float value : values) result = std::max(result, std::abs(value));
  return result;
}

// What is below is computed once: the run is that of the whole network, up to rounding.
TEST_F(TrainPublished, LayersBelowStayFrozenAndAreComputedOnce) {
  const std::string folder = write_model("model"), texts = write("new.txt", "the film was fine\nthe film was dull\n");
  const auto published_of = models::SafetensorsFile::read(folder + "/model.safetensors");
  const auto layer = [](const std::string& index) { return "encoder.layer." + index + ".output.dense.bias"; };
  const std::string query = "*.1.attention.self.query";
  const auto trained = [&](const std::string& name, Words more) {
    for (const char* word : {"--noise-multiplier", "1", "--steps", "4", "--insecure-test-seed", "4", "--test-fraction",
                             "0.3", "--lr", "0.1"})
      more.emplace_back(word);
    done(published(name, folder, more));
    return models::SafetensorsFile::read(path(name) + "/model.safetensors");
  };
  const auto last = trained("last", {"--adapt", "full", "--adapt-layers", "1"});
  EXPECT_EQ(tensor_bytes(last, "bert." + layer("0")), tensor_bytes(published_of, layer("0")));
  EXPECT_NE(tensor_bytes(last, "bert." + layer("1")), tensor_bytes(published_of, layer("1")));

  const auto once = trained("once", {"--adapt", "lora", "--adapt-layers", "1", "--lora-targets", "*query"}),
             whole = trained("whole", {"--adapt", "lora", "--lora-targets", query});
  for (const std::string name : {"classifier.weight", "bert.encoder.layer.1.attention.self.query.lora_B"}) {
    const std::vector<float> a = floats(once, name), b = floats(whole, name);
    ASSERT_FALSE(a.empty()) << name;
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-4 * (1 + std::abs(b[i]))) << name;
  }
  for (const char* name : {"last", "once"}) {
    EXPECT_THAT(done({"predict", path(name), "--input", texts}).out, HasSubstr("0."));
    EXPECT_THAT(done({"evaluate", path(name)}).out, HasSubstr("test accuracy"));
  }
  const Outcome refused = run(published("none", folder, {"--adapt", "lora", "--adapt-layers", "3", "--epsilon", "3"}));
  EXPECT_EQ(refused.exit_code, 64);
  EXPECT_THAT(refused.err, HasSubstr("[--adapt-layers] bad value: 3; the model has 2 layers"));
}

// What the first step found is in the checkpoint, and no update of the optimizer.
TEST_F(TrainPublished, AStoppedRunGoesOnWithItsCentre) {
  const std::string folder = write_model("model");
  testing::Program program(published("run", folder,
                                     {"--adapt", "lora", "--optimizer", "adam", "--pooling", "layers", "--centre",
                                      "--noise-multiplier", "8", "--test-fraction", "0.3", "--steps", "300"}));
  const std::string metrics = path("run") + "/metrics.jsonl";
  ASSERT_TRUE(program.signal_when([&] { return !content(metrics).empty(); }, SIGINT));
  ASSERT_EQ(program.finish().exit_code, 130);
  const auto checkpoint = models::SafetensorsFile::read(path("run") + "/checkpoint.safetensors");
  const std::vector<float> centre = floats(checkpoint, "centre");
  ASSERT_EQ(centre.size(), 48U);
  EXPECT_TRUE(std::ranges::any_of(centre, [](float x) { return x != 0; }));
  EXPECT_EQ(std::stoi(checkpoint.metadata().at("updates")), std::stoi(checkpoint.metadata().at("applied_steps")) - 1);
  done({"resume", path("run")});
  EXPECT_EQ(floats(models::SafetensorsFile::read(path("run") + "/model.safetensors"), "centre"), centre);
}

// Killed behind its last charge, with the checkpoint from in front of the centre: nothing is left to be charged, and
// the model is what the checkpoint holds.
TEST_F(TrainPublished, ARunWithACentreWhoseStepsAreAllChargedIsFinished) {
  const std::string folder = write_model("model");
  done(published("run", folder, {"--pooling", "layers", "--centre", "--noise-multiplier", "8", "--steps", "3"}));
  const std::string checkpoint = path("run") + "/checkpoint.safetensors", ledger = path("run") + "/ledger.jsonl";
  const std::string whole = content(ledger);
  models::Metadata metadata = models::SafetensorsFile::read(checkpoint).metadata();
  metadata["applied_steps"] = metadata["updates"] = "0";
  std::vector<models::NamedTensor> state = models::read_state(checkpoint);
  for (models::NamedTensor& named : state)
    if (named.name == "centre") named.tensor.zero_();
  models::save_state(checkpoint, state, metadata);
  const privacy::LedgerCheckpoint recorded = {0, privacy::sha256_of_file(checkpoint)};
  std::ofstream(ledger, std::ios::app) << privacy::ledger_text::checkpoint(recorded,
                                                                           privacy::read_ledger(ledger).head_hash)
                                       << '\n';
  const Outcome resumed = done({"resume", path("run")});
  EXPECT_THAT(resumed.out, HasSubstr("3 charged steps came after the checkpoint"));
  EXPECT_EQ(content(ledger).substr(0, whole.size()), whole);
  EXPECT_EQ(privacy::read_ledger(ledger).last_step, 2);
  const auto model = models::SafetensorsFile::read(path("run") + "/model.safetensors");
  EXPECT_EQ(largest(floats(model, "centre")), 0);
  EXPECT_THAT(done({"evaluate", path("run"), "--test-data", write_texts("new.tsv", 20)}).out, HasSubstr("accuracy"));
}

// The way alone decides how a published model is trained, and what it decides is in the run's folder.
TEST_F(TrainPublished, TheWayAloneIsEnough) {
  const std::string folder = write_model("model");
  const auto words = [&](const std::string& name, const Words& more) {
    return with_flags({"train",          "text",    "--data",         write_texts("texts.tsv", 200),
                       "--text-column",  "text",    "--label-column", "label",
                       "--labels",       "no, yes", "--max-tokens",   "32",
                       "--dataset-size", "200",     "--model",        folder,
                       "--threads",      "1",       "--output",       path(name)},
                      more);
  };
  const Words budget = {"--epsilon", "8", "--delta", "1e-4"};
  done(words("head", budget));
  for (const char* line : {"adapt = \"head\"", "pooling = \"layers\"", "centre = true", "rule = \"flat\"", "steps = 20",
                           "batch = 200", "clip-norm = 1.4"})
    EXPECT_THAT(content(path("head") + "/config.toml"), HasSubstr(line));
  done(words("lora", with_flags(budget, {"--adapt", "lora"})));
  EXPECT_THAT(content(path("lora") + "/config.toml"), HasSubstr("lora-targets = \"*value\""));
  done({"export", path("lora"), "--to", "peft", "--base-model", "some/encoder", "--output", path("adapter")});
  EXPECT_THAT(content(path("adapter") + "/README.md"), HasSubstr("outputs.hidden_states"));
  done(words("plain", {"--rule", "none"}));
  EXPECT_THAT(content(path("plain") + "/config.toml"), HasSubstr("steps = 200"));
  done(words("said", with_flags(budget, {"--epochs", "1", "--batch", "100"})));
  for (const char* line : {"centre = true", "steps = 2", "batch = 100", "clip-norm = 1.4", "optimizer = \"sgd\""})
    EXPECT_THAT(content(path("said") + "/config.toml"), HasSubstr(line));
  done(words("mean", with_flags(budget, {"--pooling", "mean", "--steps", "2"})));
  EXPECT_THAT(content(path("mean") + "/config.toml"), Not(HasSubstr("centre = true")));
}

TEST_F(TrainPublished, ADryRunReadsEverythingAndWritesNothing) {
  const std::string folder = write_model("model");
  const Words words = published("run", folder, {"--noise-multiplier", "2", "--steps", "7", "--dry-run"});
  const Outcome told = done(words);
  EXPECT_THAT(told.out, HasSubstr("noise multiplier  2"));
  EXPECT_THAT(told.out, HasSubstr("nothing was trained, charged or written"));
  EXPECT_FALSE(std::filesystem::exists(path("run")));
  const auto json = nlohmann::json::parse(done(with_flags(words, {"--json"})).out);
  EXPECT_EQ(json.at("steps_planned"), 7);
  EXPECT_EQ(json.at("noise_multiplier"), 2.0);
  EXPECT_GT(json.at("epsilon"), 0.0);
  EXPECT_THAT(told.out, HasSubstr("\npooling = \"mean\"\n"));
  EXPECT_EQ(json.at("settings").at("adapt"), "head");
  const auto adapted = nlohmann::json::parse(done(with_flags(words, {"--adapt", "lora", "--json"})).out).at("settings");
  EXPECT_EQ(adapted.at("lora-targets"), "*query,*value");
  EXPECT_EQ(adapted.at("lora-rank"), "8");
  EXPECT_EQ(adapted.at("max-tokens"), "32");

  // What a run is refused for is known before it.
  for (const Words& budget : {Words{"--noise-multiplier", "0.05"}, Words{"--noise-multiplier", "1e300"},
                              Words{"--noise-multiplier", "2", "--delta", "1e-300"}}) {
    const Outcome refused = run(with_flags(words, budget));
    EXPECT_EQ(refused.exit_code, 64) << budget[1] << refused.out;
    EXPECT_THAT(refused.out, Not(HasSubstr("guarantee")));
  }

  Words wrong = words;
  *std::ranges::find(wrong, path("texts.tsv")) =
      write("wrong.tsv", "id\ttext\tlabel\tscore\na\tthe film\tperhaps\t4\n");
  const Outcome refused = run(wrong);
  EXPECT_EQ(refused.exit_code, 65);
  EXPECT_THAT(refused.err, HasSubstr("wrong.tsv, line 2"));
}

// Rates next to nothing leave what they belong to where it was.
TEST_F(TrainPublished, EncoderAndHeadHaveTheirOwnRates) {
  const std::string folder = write_model("model");
  // Biases are 0 at first.
  const std::string bias = "encoder.layer.1.output.dense.bias", head = "classifier.bias";
  for (const char* optimizer : {"sgd", "adam", "adamw"}) {
    const auto trained = [&](const std::string& name, const char* lr, const char* encoder_lr) {
      const std::string output = std::string(optimizer) + name;
      done(published(
          output, folder,
          {"--adapt", "bitfit", "--optimizer", optimizer, "--lr", lr, "--encoder-lr", encoder_lr, "--noise-multiplier",
           "1", "--steps", "3", "--lr-schedule", "linear", "--insecure-test-seed", "4"}));
      return models::SafetensorsFile::read(path(output) + "/model.safetensors");
    };
    const auto both = trained("both", "0.1", "0.1"), slow_encoder = trained("head", "0.1", "1e-30"),
               slow_head = trained("encoder", "1e-30", "0.1");
    EXPECT_GT(largest(floats(both, "bert." + bias)), 1e-4) << optimizer;
    EXPECT_LT(largest(floats(slow_encoder, "bert." + bias)), 1e-20) << optimizer;
    EXPECT_GT(largest(floats(slow_head, "bert." + bias)), 1e-4) << optimizer;
    EXPECT_NE(tensor_bytes(slow_head, head), tensor_bytes(slow_encoder, head)) << optimizer;
  }
  const auto corrected = done(published("corrected", folder,
                                        {"--adapt", "bitfit", "--optimizer", "adamw", "--noise-correction", "--lr",
                                         "1e-30", "--encoder-lr", "0.1", "--noise-multiplier", "1", "--steps", "3"}));
  EXPECT_THAT(corrected.out, HasSubstr("lr 1e-30 and, in the encoder, 0.1"));
  EXPECT_GT(largest(floats(models::SafetensorsFile::read(path("corrected") + "/model.safetensors"), "bert." + bias)),
            1e-4);
}

// The centre is found in the first of the planned steps; exported, it is a part of the head's bias.
TEST_F(TrainPublished, TheCentreIsOneOfTheSteps) {
  const std::string folder = write_model("model"), texts = write("new.txt", "the film was fine\n");
  for (const char* way : {"head", "lora"}) {
    done(published(way, folder,
                   {"--adapt", way, "--pooling", "layers", "--centre", "--noise-multiplier", "1", "--steps", "3"}));
    EXPECT_EQ(privacy::read_ledger(path(way) + "/ledger.jsonl").spent.at(0).count, 3);
    EXPECT_THAT(content(path(way) + "/certificate.json"), HasSubstr("a mean of their vectors"));
    const auto trained = models::SafetensorsFile::read(path(way) + "/model.safetensors");
    const std::vector<float> centre = floats(trained, "centre"), weight = floats(trained, "classifier.weight");
    ASSERT_EQ(centre.size(), 48U);
    EXPECT_TRUE(std::ranges::any_of(centre, [](float x) { return x != 0; }));
    EXPECT_THAT(done({"predict", path(way), "--input", texts}).out, HasSubstr("0."));

    done({"export", path(way), "--to", "safetensors", "--output", path(std::string(way) + "-whole")});
    const auto exported = models::SafetensorsFile::read(path(std::string(way) + "-whole") + "/model.safetensors");
    EXPECT_EQ(exported.find("centre"), nullptr);
    std::vector<float> bias = floats(trained, "classifier.bias");
    for (size_t c = 0; c < bias.size(); ++c) {
      double product = 0;
      for (size_t i = 0; i < centre.size(); ++i)
        product += static_cast<double>(weight[c * centre.size() + i]) * centre[i];
      EXPECT_NEAR(floats(exported, "classifier.bias").at(c), bias[c] - product, 1e-5) << way;
    }
  }
  Words words = published("plain", folder, {"--pooling", "layers", "--centre", "--rule", "none", "--steps", "3"});
  const auto delta = std::ranges::find(words, "--delta");
  words.erase(delta, delta + 2);
  done(words);
  const auto plain = models::SafetensorsFile::read(path("plain") + "/model.safetensors");
  // The mean of three directions of length 1.
  const std::vector<float> centre = floats(plain, "centre");
  for (size_t layer = 0; layer < 3; ++layer) {
    double square = 0;
    for (size_t i = 0; i < 16; ++i) square += std::pow(centre.at(layer * 16 + i), 2);
    EXPECT_GT(square, 0.1);
    EXPECT_LE(square, 1.00001);
  }
}

// The exported folder is a published model.
TEST_F(TrainPublished, ExportedModelsAreWholeAndCanBeTrainedAgain) {
  const std::string folder = write_model("model");
  write("model/LICENSE", "public domain\n");
  write("model/README.md", "small\n");
  done(published("run", folder, {"--adapt", "lora", "--lr", "0.05", "--noise-multiplier", "1", "--steps", "5"}));
  done({"export", path("run"), "--to", "safetensors", "--output", path("whole")});
  done({"export", path("run"), "--to", "peft", "--base-model", "some/encoder", "--output", path("adapter")});
  const auto before = models::SafetensorsFile::read(folder + "/model.safetensors");
  const auto after = models::SafetensorsFile::read(path("whole") + "/model.safetensors");
  const std::string query = "encoder.layer.1.attention.self.query.weight",
                    key = "encoder.layer.1.attention.self.key.weight";
  EXPECT_NE(tensor_bytes(after, "bert." + query), tensor_bytes(before, query));
  EXPECT_EQ(tensor_bytes(after, "bert." + key), tensor_bytes(before, key));
  for (const auto& view : after.tensors()) EXPECT_THAT(view.name, Not(HasSubstr("lora"))) << view.name;
  for (const char* exported : {"whole", "adapter"})
    EXPECT_EQ(content(path(exported) + "/certificate.json"), content(path("run") + "/certificate.json")) << exported;
  EXPECT_TRUE(std::filesystem::exists(path("adapter") + "/adapter_model.safetensors"));
  EXPECT_EQ(after.metadata().at("format"), "pt");
  for (const char* exported : {"whole", "adapter"}) {
    EXPECT_EQ(content(path(exported) + "/LICENSE"), "public domain\n");
    EXPECT_EQ(content(path(exported) + "/base-README.md"), "small\n");
    EXPECT_THAT(content(path(exported) + "/README.md"), HasSubstr("classes: [\"no\",\"yes\"]"));
  }
  EXPECT_THAT(content(path("whole") + "/README.md"), HasSubstr("head[\"classifier.weight\"]"));
  done(published("again", path("whole"), {"--adapt", "head", "--noise-multiplier", "1", "--steps", "2"}));

  const auto refused = [&](const Words& words, const std::string& what) {
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.exit_code, 64) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(what));
  };
  refused({"export", path("run"), "--to", "safetensors", "--output", path("whole")}, "whole");
  refused({"export", path("again"), "--to", "peft", "--base-model", "some/encoder", "--output", path("new")},
          "factors of low rank");
  refused({"export", path("run"), "--to", "peft", "--output", path("new")}, "--base-model");
  refused({"export", path("run"), "--to", "onnx", "--output", path("new")}, "--to");
}

}  // namespace
}  // namespace sotto::tools
