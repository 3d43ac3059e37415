// Files of costs out of bytes count as missing, or the costs in them stay: the corpus of the libFuzzer target, and its
// files with a few bits changed. The target itself goes further, see tools/fuzz.sh.

#include <gtest/gtest.h>
#include <sotto/tools/costs_file.h>

#include <set>
#include <string>

#include "../support/fuzz_bytes.h"
#include "fuzz/costs_input.h"

namespace sotto::tools {
namespace {

TEST(CostsFuzzTest, TheCorpusIsReadOrCountsAsMissing) {
  const auto corpus = sotto::testing::fuzz_corpus(SOTTO_FUZZ_CORPUS);
  EXPECT_GE(corpus.size(), 9);
  std::set<std::string> read;
  for (const auto& [name, bytes] : corpus) {
    testing::take_costs_input(bytes);
    const auto path = std::filesystem::path(SOTTO_FUZZ_CORPUS) / name;
    struct NotThere {};
    try {
      kept_costs(path, {"a", "b", 2, "c", "d", "stock"}, false, []() -> CostFigures { throw NotThere(); });
      read.insert(name);
    } catch (const NotThere&) {
    }
  }
  EXPECT_EQ(read, (std::set<std::string>{"costs", "two"}));
}

TEST(CostsFuzzTest, DamagedFilesAreReadOrCountAsMissing) {
  std::mt19937 random(20261128);
  for (const auto& [name, whole] : sotto::testing::fuzz_corpus(SOTTO_FUZZ_CORPUS))
    for (int i = 0; i < 200; ++i) testing::take_costs_input(sotto::testing::damaged(whole, random));
}

}  // namespace
}  // namespace sotto::tools
