// `sotto train text`, `resume`, `evaluate` and `predict`. Runs the real program on made-up texts.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/data/public_split.h>
#include <sotto/models/state.h>
#include <sotto/privacy/certificate.h>
#include <sotto/privacy/ledger_contents.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>

#include "run_weights.h"
#include "train_text_fixture.h"

namespace sotto::tools {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::run_weights;

TEST_F(TrainText, TrainsNetworksFromScratchThatFindTheLabels) {
  for (const char* model : {"bag", "lstm", "small-encoder"}) {
    const Outcome outcome = done(own(model, {"--model", model, "--test-fraction", "0.3", "--delta", "1e-4", "--epsilon",
                                             "10", "--steps", "60", "--json"}));
    const json object = json::parse(outcome.out);
    EXPECT_GT(object.at("accuracy").get<double>(), 0.9) << model;
    EXPECT_GT(object.at("f1").get<double>(), 0.9) << model;
    EXPECT_LE(object.at("epsilon").get<double>(), 10);
  }
}

TEST_F(TrainText, PredictsAndEvaluates) {
  done(own("run", {"--test-fraction", "0.3", "--delta", "1e-4", "--epsilon", "10", "--steps", "60"}));
  const std::string texts = write("new.txt", "the film was fine and warm\ncold the dull silly film\n");
  const Outcome lines = done({"predict", path("run"), "--input", texts});
  EXPECT_THAT(lines.out, ::testing::MatchesRegex("yes\t[01]\\.[0-9]+\nno\t[01]\\.[0-9]+\n"));
  const Outcome objects = done({"predict", path("run"), "--input", texts, "--json"});
  std::istringstream stream(objects.out);
  std::string line;
  ASSERT_TRUE(std::getline(stream, line));
  const json first = json::parse(line);
  EXPECT_EQ(first.at("label"), "yes");
  EXPECT_NEAR(first.at("probabilities").at("yes").get<double>() + first.at("probabilities").at("no").get<double>(), 1,
              1e-6);
  const Outcome table =
      done({"predict", path("run"), "--input", path("texts.tsv"), "--data-format", "tsv", "--text-column", "text"});
  EXPECT_EQ(std::ranges::count(table.out, '\n'), 200);
  EXPECT_THAT(done({"evaluate", path("run")}).out, HasSubstr("F1 of yes"));
}

TEST_F(TrainText, PredictRefusesBadTextsWithTheirLine) {
  done(own("run", {"--delta", "1e-4", "--epsilon", "10", "--steps", "2"}));
  for (const char* bad : {"", " \t", "\xff"}) {
    const Outcome outcome =
        run({"predict", path("run"), "--input", write("bad.txt", "fine\n" + std::string(bad) + "\n")});
    EXPECT_EQ(outcome.exit_code, 65) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("line 2"));
    EXPECT_EQ(std::ranges::count(outcome.out, '\n'), 1) << outcome.out;  // of the text before it
  }
}

// The same coins: a run that was stopped and resumed goes on with the moments and counts of its optimizer. Without
// noise and with every record in every step the weights are those of a run in one piece.
TEST_F(TrainText, ResumedRunGoesOnWithItsOptimizer) {
  for (const char* optimizer : {"adam", "adamw", "sgd"}) {
    const auto words = [&](const std::string& output) {
      return own(output, {"--rule", "none", "--batch", "200", "--optimizer", optimizer, "--insecure-test-seed", "5",
                          "--lr-schedule", "cosine", "--warmup", "3", "--steps", "400"});
    };
    done(words(std::string(optimizer) + "-whole"));
    testing::Program program(words(optimizer));
    const std::string metrics = path(optimizer) + "/metrics.jsonl";
    ASSERT_TRUE(program.signal_when([&] { return !content(metrics).empty(); }, SIGINT));
    const Outcome stopped = program.finish();
    if (stopped.exit_code == 0) GTEST_SKIP() << "the run was over before it could be stopped";
    done({"resume", path(optimizer)});
    const std::vector<float> a = run_weights(path(optimizer)), b = run_weights(path(std::string(optimizer) + "-whole"));
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-4 * (1 + std::abs(b[i]))) << optimizer << ' ' << i;
  }
}

// A record of the training side, of which the test side holds a copy, is taken out; its number stays unused.
TEST_F(TrainText, TestsAreTheSameWithoutATrainingRecord) {
  const data::PublicSplit split(0.3, 1);
  int64_t training = 0, test = 0;
  for (int64_t number = 1; number <= 40; ++number) {
    if (!split.tests_record(number) && training == 0) training = number;
    if (split.tests_record(number)) test = number;
  }
  ASSERT_GT(test, training) << "the copy on the test side must be the later one";
  const auto tests_without = [&](bool removed, const std::string& name) {
    std::string text = "text\tlabel\n";
    for (int64_t number = 1; number <= 40; ++number) {
      const bool copy = number == test || (number == training && !removed);
      text += copy ? "a copied text\tyes\n" : "text " + std::to_string(number) + "\tno\n";
    }
    const std::string file = write(name + ".tsv", text);
    done(own(name, {"--data", file, "--drop-repeats", "--test-fraction", "0.3", "--dataset-size", "40", "--batch", "20",
                    "--delta", "1e-3", "--noise-multiplier", "2", "--steps", "2"}));
    return json::parse(done({"evaluate", path(name), "--json"}).out).at("test_records").get<int64_t>();
  };
  EXPECT_EQ(tests_without(false, "with"), tests_without(true, "without"));
}

TEST_F(TrainText, GroupsAreTheUnitOfPrivacy) {
  done(own("run", {"--group-column", "id", "--group-up-to", "_", "--max-per-group", "3", "--dataset-size", "40",
                   "--batch", "20", "--delta", "1e-4", "--noise-multiplier", "2", "--steps", "3"}));
  const auto certificate = privacy::parse_certificate(content(path("run") + "/certificate.json"));
  EXPECT_THAT(privacy::statement(certificate),
              HasSubstr("the unit of privacy is one group. A group is all texts with "
                        "the same id up to the first '_', of which at most 3 are used"));
  EXPECT_THAT(content(path("run") + "/certificate.json"), HasSubstr("\"unit\": \"group\""));
  EXPECT_TRUE(privacy::read_ledger(path("run") + "/ledger.jsonl").header.unit_is_group);
  EXPECT_EQ(certificate.dataset_size_declared, 40);
  EXPECT_EQ(certificate.weight_rule_bound, 1.0);  // of a whole group
}

TEST_F(TrainText, ARegressionTellsItsErrorInTheUnitOfTheLabels) {
  const Outcome outcome = done(own("run", {"--label-column", "score", "--labels", "range -4 4", "--test-fraction",
                                           "0.3", "--delta", "1e-4", "--epsilon", "10", "--steps", "80", "--json"}));
  const double error = json::parse(outcome.out).at("root_mean_square_error").get<double>();
  EXPECT_LT(error, 2.5);  // always saying 0 would be off by 4
  EXPECT_GT(error, 0.01);
  const Outcome said = done({"predict", path("run"), "--input", write("new.txt", "warm the film\ncold the film\n")});
  std::istringstream numbers(said.out);
  double warm = 0, cold = 0;
  numbers >> warm >> cold;
  EXPECT_GT(warm, 1);
  EXPECT_LT(cold, -1);
}

// What the owner of the data is told of the records is in no file that leaves with the run.
TEST_F(TrainText, WhatIsToldOfPrivateTextsStaysOnTheTerminal) {
  const std::string lines = content(write_texts("base.tsv", 120)) + "author1_7\tfine fine fine fine fine\tyes\t4\n" +
                            "author2_8\tfine fine fine fine fine\tyes\t4\n";
  const std::string data = write("repeated.tsv", lines);
  const Outcome outcome = done(own("run", {"--data", data, "--drop-repeats", "--max-tokens", "4", "--delta", "1e-4",
                                           "--noise-multiplier", "2", "--steps", "3"}));
  EXPECT_THAT(outcome.err, HasSubstr("122 records read"));
  EXPECT_THAT(outcome.err, HasSubstr("lines 122, 123"));
  EXPECT_THAT(outcome.err, HasSubstr("texts have more than 4 tokens"));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path("run"))) {
    if (!entry.is_regular_file() || entry.path().extension() == ".safetensors") continue;
    const std::string text = content(entry.path());
    for (const char* told : {"122 ", "121 ", " 122", " 121", "repeat of", "occur more than once", "have more than"})
      EXPECT_THAT(text, Not(HasSubstr(told))) << entry.path();
  }
}

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

// The exported folder is a published model: its encoder says what the run said, and it can be trained again.
TEST_F(TrainPublished, ExportedModelsAreWholeAndSayTheSame) {
  const std::string folder = write_model("model");
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

TEST_F(TrainPublished, TheWeightsAreThoseOfTheHash) {
  const std::string folder = write_model("model");
  const Outcome outcome = run(
      published("run", folder, {"--model-sha256", std::string(64, 'a'), "--noise-multiplier", "1", "--steps", "3"}));
  EXPECT_EQ(outcome.exit_code, 65) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("SHA-256"));
}

TEST_F(TrainPublished, SaysThatTheFolderHasNoTerms) {
  const std::string folder = write_model("model");
  const Words words = {"--noise-multiplier", "1", "--steps", "1"};
  EXPECT_THAT(done(published("without", folder, words)).err, HasSubstr("nothing of the terms"));
  write("model/LICENSE", "public domain\n");
  EXPECT_THAT(done(published("with", folder, words)).err, Not(HasSubstr("nothing of the terms")));
}

TEST_F(TrainPublished, RefusesFoldersThatAreNotWhole) {
  const auto expect = [&](const std::string& folder, const std::string& what, int code = 65) {
    const Outcome outcome = run(published("run", folder, {"--noise-multiplier", "1", "--steps", "1"}));
    EXPECT_EQ(outcome.exit_code, code) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(what));
    EXPECT_FALSE(std::filesystem::exists(path("run")));
  };
  expect("./nowhere", "there is no");
  for (const char* missing : {"config.json", "model.safetensors", "vocab.txt"}) {
    const std::string folder = write_model(std::string("without-") + missing);
    std::filesystem::remove(folder + "/" + missing);
    expect(folder, missing);
  }
  const std::string folder = write_model("larger");
  write("larger/vocab.txt", content(folder + "/vocab.txt") + "more\n");
  expect(folder, "of two models");
}

}  // namespace
}  // namespace sotto::tools
