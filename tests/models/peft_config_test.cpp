#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sotto/models/peft_config.h>

#include <fstream>

#include "../support/fuzz_bytes.h"
#include "../support/scratch_folder.h"
#include "fuzz/peft_input.h"

namespace sotto::models {
namespace {

using ::testing::ElementsAre;

TEST(PeftConfig, NumbersComeBack) {
  const sotto::testing::ScratchFolder folder;
  for (const double alpha : {1.0, 16.0, 0.1, 1e30, 1.0 / 3.0}) {
    std::ofstream(folder.path() / "c.json")
        << format_peft_config({.base_model = "b", .rank = 7, .alpha = alpha, .target_modules = {"x", "y.z"}});
    const PeftConfig read = read_peft_config(folder.path() / "c.json");
    EXPECT_EQ(read.alpha, alpha);
    EXPECT_EQ(read.rank, 7);
    EXPECT_THAT(read.target_modules, ElementsAre("x", "y.z"));
  }
}

// The corpus of the libFuzzer target, and its files with a few bits changed. The target itself goes further, see
// tools/fuzz.sh.
TEST(PeftConfig, TheCorpusIsReadOrRefusedAndComesBackWhenItIsWritten) {
  const auto corpus = sotto::testing::fuzz_corpus(SOTTO_FUZZ_CORPUS);
  EXPECT_GE(corpus.size(), 10);
  std::mt19937 random(20261128);
  for (const auto& [name, whole] : corpus) {
    testing::take_peft_input(whole);
    for (int i = 0; i < 400; ++i) testing::take_peft_input(sotto::testing::damaged(whole, random));
  }
}

}  // namespace
}  // namespace sotto::models
