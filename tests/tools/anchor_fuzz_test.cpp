// Anchors out of bytes are refused or are the text that is written for them: the corpus of the libFuzzer target, and
// its files with a few bits changed. The target itself goes further, see tools/fuzz.sh.

#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/ledger_anchor.h>

#include <string>

#include "../support/fuzz_bytes.h"
#include "fuzz/anchor_input.h"

namespace sotto::tools {
namespace {

TEST(AnchorFuzzTest, TheCorpusIsReadOrRefused) {
  const auto corpus = sotto::testing::fuzz_corpus(SOTTO_FUZZ_CORPUS);
  EXPECT_GE(corpus.size(), 4);
  int refused = 0;
  for (const auto& [name, bytes] : corpus) {
    testing::take_anchor_input(bytes);
    try {
      static_cast<void>(parse_anchor(std::string(bytes.begin(), bytes.end())));
    } catch (const DataError&) {
      ++refused;
    }
  }
  EXPECT_EQ(refused, 3);
}

TEST(AnchorFuzzTest, DamagedAnchorsAreReadOrRefused) {
  std::mt19937 random(20261127);
  for (const auto& [name, whole] : sotto::testing::fuzz_corpus(SOTTO_FUZZ_CORPUS))
    for (int i = 0; i < 4000; ++i) testing::take_anchor_input(sotto::testing::damaged(whole, random));
}

}  // namespace
}  // namespace sotto::tools
