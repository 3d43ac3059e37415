// Accounted events out of bytes are refused or valid, with one canonical text: the corpus of the libFuzzer target, and
// its files with a few bits changed. The target itself goes further, see tools/fuzz.sh.

#include <gtest/gtest.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/event_json.h>

#include <string>

#include "../support/fuzz_bytes.h"
#include "fuzz/events_input.h"

namespace sotto::privacy {
namespace {

TEST(EventsFuzzTest, TheCorpusIsReadOrRefused) {
  const auto corpus = sotto::testing::fuzz_corpus(SOTTO_FUZZ_CORPUS);
  EXPECT_GE(corpus.size(), 10);
  int refused = 0;
  for (const auto& [name, bytes] : corpus) {
    testing::take_events_input(bytes);
    try {
      static_cast<void>(parse_events(std::string(bytes.begin(), bytes.end())));
    } catch (const UsageError&) {
      ++refused;
    }
  }
  EXPECT_EQ(refused, 3);
}

TEST(EventsFuzzTest, DamagedEventsAreReadOrRefused) {
  std::mt19937 random(20261127);
  for (const auto& [name, whole] : sotto::testing::fuzz_corpus(SOTTO_FUZZ_CORPUS))
    for (int i = 0; i < 1000; ++i) testing::take_events_input(sotto::testing::damaged(whole, random));
}

}  // namespace
}  // namespace sotto::privacy
