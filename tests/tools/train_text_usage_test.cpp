// What `sotto train text` and `sotto predict` refuse before they load LibTorch. Runs the real program.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "program.h"

namespace sotto::tools {
namespace {

using ::testing::HasSubstr;
using testing::Outcome, testing::run, testing::Words, testing::operator+, testing::with_flags;

class TrainTextUsage : public ::testing::Test {
 protected:
  void expect_error(const Words& words, const std::string& what, int exit_code = 64) const {
    const Outcome outcome = run(Words{"train", "text", "--output", output()} + words);
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
    EXPECT_THAT(outcome.err, ::testing::StartsWith("sotto: "));
    EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << "not one line: " << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(what));
    EXPECT_EQ(outcome.out, "");
    EXPECT_FALSE(std::filesystem::exists(output())) << "something was left behind";
  }
  std::string output() const { return (folder_.path() / "run").string(); }
  // All that a run of own texts needs; words that follow replace what was said before.
  static Words own(const Words& more = {}) {
    const Words words = {"--data",         "texts.tsv", "--text-column", "text", "--label-column", "label",
                         "--labels",       "no, yes",   "--model",       "bag",  "--vocabulary",   "words.txt",
                         "--dataset-size", "1000",      "--batch",       "100",  "--epsilon",      "3"};
    return with_flags(words, more);
  }

  sotto::testing::ScratchFolder folder_;
};

TEST_F(TrainTextUsage, NeedsToKnowWhatTheDataAre) {
  expect_error({"--epsilon", "3"}, "no texts");
  expect_error({"fashion-mnist", "--epsilon", "3"}, "no preset is called 'fashion-mnist'");
  expect_error({"--data", "texts.tsv", "--epsilon", "3"}, "--text-column");
  expect_error({"--data", "texts.tsv", "--text-column", "t", "--epsilon", "3"}, "--label-column");
  expect_error({"--data", "texts.tsv", "--text-column", "t", "--label-column", "l", "--epsilon", "3"}, "--labels");
  expect_error(
      {"--data", "texts.tsv", "--text-column", "t", "--label-column", "l", "--labels", "a,b", "--epsilon", "3"},
      "--dataset-size");
}

TEST_F(TrainTextUsage, PicturesAndTextsAreTwoCommands) {
  const Outcome outcome = run({"train", "movie-reviews", "--epsilon", "3", "--output", output()});
  EXPECT_EQ(outcome.exit_code, 64);
  EXPECT_THAT(outcome.err, HasSubstr("sotto train text"));
}

TEST_F(TrainTextUsage, RefusesBadValues) {
  const std::vector<std::pair<Words, std::string>> cases = {
      {{"--labels", "yes"}, "LabelRule"},
      {{"--data-format", "xml"}, "--data-format"},
      {{"--data", "texts.doc"}, "--data-format"},
      {{"--max-tokens", "0"}, "--max-tokens"},
      {{"--test-fraction", "0"}, "--test-fraction"},
      {{"--test-fraction", "1"}, "--test-fraction"},
      {{"--test-fraction", "0.2", "--test-data", "t.tsv"}, "exclude each other"},
      {{"--tokenizer", "letters"}, "--tokenizer"},
      {{"--model", "gpt"}, "--model"},
      {{"--optimizer", "lamb"}, "--optimizer"},
      {{"--lr-schedule", "step"}, "--lr-schedule"},
      {{"--warmup", "100000"}, "--warmup"},
      {{"--weight-decay", "-1"}, "--weight-decay"},
      {{"--noise-correction", "--optimizer", "sgd"}, "--noise-correction"},
      {{"--noise-correction", "--optimizer", "adam", "--weight-decay", "0.1"}, "--noise-correction"},
      {{"--weight-decay", "nan"}, "--weight-decay"},
      {{"--split-seed", "-1", "--test-fraction", "0.1"}, "--split-seed"},
      {{"--split-seed", "2"}, "[--split-seed] has no effect"},
      {{"--model", "bag", "--vocabulary", "w.txt", "--public-base"}, "[--public-base] has no place"},
      {{"--group-column", "author"}, "--max-per-group"},
      {{"--group-column", "author", "--max-per-group", "0"}, "--max-per-group"},
      {{"--max-per-group", "3"}, "--max-per-group"},
      {{"--group-up-to", "_"}, "--group-up-to"},
      {{"--dataset-size", "0"}, "--dataset-size"},
  };
  for (const auto& [words, what] : cases) expect_error(own(words), what);
}

TEST_F(TrainTextUsage, RefusesWhatHasNoPlace) {
  expect_error(own({"--adapt", "lora"}), "--adapt");
  expect_error(own({"--pooling", "first"}), "--pooling");
  expect_error(own({"--model", "./folder"}), "--vocabulary");
  const Words preset = {"movie-reviews", "--epsilon", "3"};
  expect_error(preset + Words{"--adapt", "prefix"}, "--adapt");
  expect_error(preset + Words{"--centre", "--pooling", "mean"}, "--centre");
  expect_error(preset + Words{"--centre", "--pooling", "layers", "--rule", "flat", "--per-group"}, "--centre");
  expect_error(preset + Words{"--centre", "--pooling", "layers", "--steps", "1"}, "--centre");
  expect_error(preset + Words{"--centre", "--pooling", "layers", "--epochs", "1", "--batch", "8471"}, "--centre");
  expect_error(preset + Words{"--adapt", "head", "--lora-rank", "4"}, "--lora-rank");
  expect_error(preset + Words{"--adapt", "lora", "--lora-rank", "0"}, "--lora-rank");
  for (const char* way : {"head", "lora", "full"}) {
    const std::string layers = std::string(way) == "head" ? "2" : "0";
    expect_error(preset + Words{"--adapt", way, "--adapt-layers", layers}, "--adapt-layers");
  }
  expect_error(preset + Words{"--adapt-layers", "2"}, "--adapt-layers");
  expect_error(preset + Words{"--encoder-lr", "0.1"}, "--encoder-lr");
  expect_error(preset + Words{"--adapt", "head", "--encoder-lr", "0.1"}, "--encoder-lr");
  expect_error(preset + Words{"--adapt", "lora", "--encoder-lr", "0"}, "--encoder-lr");
  expect_error(preset + Words{"--labels", "a, b"}, "--labels");
  expect_error(preset + Words{"--dataset-size", "9"}, "--dataset-size");
  expect_error(preset + Words{"--vocabulary", "words.txt"}, "--vocabulary");
}

// A vocabulary that is fitted on the records does not exist: a network from scratch needs a list that is given.
TEST_F(TrainTextUsage, ANetworkFromScratchNeedsAPublicVocabulary) {
  expect_error({"--data", "t.tsv", "--text-column", "t", "--label-column", "l", "--labels", "a,b", "--dataset-size",
                "100", "--batch", "10", "--model", "lstm", "--epsilon", "3"},
               "--vocabulary");
}

TEST_F(TrainTextUsage, AConfigurationOfPicturesIsRefused) {
  const std::string text = "classes = 3\n";
  const auto config = folder_.write("run.toml", sotto::testing::Bytes(text.begin(), text.end())).string();
  expect_error(own({"--config", config}), "--classes");
}

TEST_F(TrainTextUsage, AnUnknownPresetIsNamed) {
  expect_error({"movie-review", "--epsilon", "3"}, "no preset is called 'movie-review'");
}

TEST_F(TrainTextUsage, WhatIsNotUtf8IsNoArgument) {
  for (const Words& words : {Words{"--data", "b\xff.tsv"}, Words{"--output", "x\xff"}, Words{"--labels", "no,\xff"}})
    expect_error(own(words), "is not UTF-8");
}

TEST_F(TrainTextUsage, PredictRefusesFlagsThatDoNotFit) {
  const auto expect = [&](const Words& words, const std::string& what) {
    const Outcome outcome = run(Words{"predict", output()} + words);
    EXPECT_EQ(outcome.exit_code, 64);
    EXPECT_THAT(outcome.err, HasSubstr(what));
  };
  expect({}, "--input");
  expect({"--input", ""}, "--input");
  expect({"--input", "t.txt", "--text-column", "text"}, "[--text-column] has no effect");
  expect({"--input", "t.tsv", "--text-column", "text"}, "config.toml");
  expect({"--input", "t.xml", "--data-format", "xml", "--text-column", "text"}, "--data-format");
  expect({"--input", "-", "--data-format", "tsv", "--text-column", "text"}, "config.toml");
  expect({"--input", "t.txt", "--no-header"}, "--no-header");
  expect({"--input", "t.txt"}, "config.toml");
}

}  // namespace
}  // namespace sotto::tools
