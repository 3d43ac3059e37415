// Configuration files out of bytes are refused, or their options come back from the file that is written of them: the
// corpus of the libFuzzer target, and its files with a few bits changed. The target itself goes further, see
// tools/fuzz.sh.

#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/config_file.h>

#include <string>

#include "../support/fuzz_bytes.h"
#include "fuzz/config_input.h"

namespace sotto::tools {
namespace {

TEST(ConfigFuzzTest, TheCorpusIsReadOrRefused) {
  const auto corpus = sotto::testing::fuzz_corpus(SOTTO_FUZZ_CORPUS);
  EXPECT_GE(corpus.size(), 6);
  int refused = 0;
  for (const auto& [name, bytes] : corpus) {
    testing::take_config_input(bytes);
    try {
      static_cast<void>(parse_config(std::string(bytes.begin(), bytes.end()), name));
    } catch (const UsageError&) {
      ++refused;
    }
  }
  EXPECT_EQ(refused, 8);
}

TEST(ConfigFuzzTest, DamagedFilesAreReadOrRefused) {
  std::mt19937 random(20261127);
  for (const auto& [name, whole] : sotto::testing::fuzz_corpus(SOTTO_FUZZ_CORPUS))
    for (int i = 0; i < 1000; ++i) testing::take_config_input(sotto::testing::damaged(whole, random));
}

}  // namespace
}  // namespace sotto::tools
