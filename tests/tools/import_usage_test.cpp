// What `sotto import` refuses before LibTorch is loaded, and its worked example.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "program.h"

namespace sotto::tools {
namespace {

using ::testing::HasSubstr;
using testing::Outcome, testing::run, testing::Words, testing::operator+;

class ImportUsage : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  std::string write(const std::string& name) const { return folder_.write(name, {'x'}).string(); }
  void expect_error(const Words& words, const std::string& what) const {
    const Outcome outcome = run(Words{"import"} + words);
    EXPECT_EQ(outcome.exit_code, 64) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(what));
    EXPECT_FALSE(std::filesystem::exists(path("new")));
  }
  sotto::testing::ScratchFolder folder_;
};

TEST_F(ImportUsage, WhatIsImportedIsAFolderOrAFileOfWeights) {
  const Words more = {"--config", "config.json", "--tokenizer", "vocab.txt", "--output", path("new")};
  expect_error(more, "from is required");
  expect_error(Words{path("nowhere.ts")} + more, "there is no");
  expect_error(Words{write("weights.bin")} + more, "ends in '.bin'");
}

TEST_F(ImportUsage, AnAdapterHasABaseAndNothingElse) {
  const Words words = {path(""), "--output", path("new")};
  expect_error(words, "[--base] is missing");
  expect_error(words + Words{"--base", "bag"}, "[--base] bad value");
  expect_error(words + Words{"--base", "./base", "--config", "config.json"}, "[--config] has no effect");
  expect_error(words + Words{"--base", "./base", "--tokenizer", "vocab.txt"}, "[--tokenizer] has no effect");
}

TEST_F(ImportUsage, AFileHasAConfigAndATokenizer) {
  const Words words = {write("weights.safetensors"), "--output", path("new")};
  expect_error(words, "[--config] is missing");
  expect_error(words + Words{"--config", "config.json"}, "[--tokenizer] is missing");
  const Words both = words + Words{"--config", "config.json", "--tokenizer"};
  expect_error(both + Words{"vocab.model"}, "[--tokenizer] vocab.model ends in '.model'");
  expect_error(both + Words{"vocab.txt", "--base", "./base"}, "[--base] has no effect");
}

TEST_F(ImportUsage, TheOutputIsNamed) {
  const Words words = {write("weights.ts"), "--config", "config.json", "--tokenizer", "vocab.txt"};
  expect_error(words, "--output");
  expect_error(words + Words{"--output", ""}, "[--output] is missing");
}

TEST_F(ImportUsage, HelpHoldsAnExampleOfEachForm) {
  const Outcome outcome = run({"import", "--help"});
  EXPECT_EQ(outcome.exit_code, 0);
  for (const char* form :
       {"--base minilm", "encoder.ts --config", "weights.safetensors --config", "--model my-models/encoder/"})
    EXPECT_THAT(outcome.out, HasSubstr(form));
}

}  // namespace
}  // namespace sotto::tools
