// Damaged tokenizer files and texts are refused or give ids that their header promises: the corpus of the libFuzzer
// target, and its files with a few bits changed. The target itself goes further, see tools/fuzz.sh.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "fuzz/tokenizer_input.h"

namespace sotto::data {
namespace {

using Bytes = std::vector<std::uint8_t>;

std::vector<Bytes> corpus() {
  std::vector<Bytes> result;
  for (const auto& entry : std::filesystem::directory_iterator(SOTTO_TOKENIZER_CORPUS)) {
    std::ifstream file(entry.path(), std::ios::binary);
    result.push_back({std::istreambuf_iterator<char>(file), {}});
  }
  return result;
}

TEST(TokenizerFuzzTest, TheCorpusIsReadOrRefused) {
  const auto all = corpus();
  EXPECT_GE(all.size(), 6);
  for (const Bytes& bytes : all) testing::take_tokenizer_input(bytes);
}

TEST(TokenizerFuzzTest, DamagedFilesAndTextsNeverCrash) {
  std::mt19937 random(20240611);
  for (const Bytes& whole : corpus()) {
    if (whole.size() < 2) continue;
    for (int i = 0; i < 400; ++i) {
      Bytes bytes = whole;
      const int flips = 1 + static_cast<int>(random() % 3);
      for (int k = 0; k < flips; ++k) bytes[random() % bytes.size()] ^= static_cast<std::uint8_t>(1U << (random() % 8));
      if (i % 7 == 0) bytes.resize(random() % bytes.size());
      testing::take_tokenizer_input(bytes);
    }
  }
}

}  // namespace
}  // namespace sotto::data
