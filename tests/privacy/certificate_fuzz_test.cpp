// Certificates out of bytes are refused or are the text that is written for them: the corpus of the libFuzzer target,
// its files with a few bits changed, and certificates of random values. The target itself goes further, see
// tools/fuzz.sh.

#include <gtest/gtest.h>
#include <sotto/privacy/certificate.h>
#include <sotto/privacy/error.h>

#include <string>
#include <vector>

#include "../support/fuzz_bytes.h"
#include "fuzz/certificate_input.h"

namespace sotto::privacy {
namespace {

TEST(CertificateFuzzTest, TheCorpusIsReadOrRefused) {
  const auto corpus = sotto::testing::fuzz_corpus(SOTTO_FUZZ_CORPUS);
  EXPECT_GE(corpus.size(), 6);
  int read = 0;
  for (const auto& [name, bytes] : corpus) {
    testing::take_certificate_input(bytes);
    try {
      static_cast<void>(parse_certificate(std::string(bytes.begin() + 1, bytes.end())));
      ++read;
    } catch (const DataError&) {
    }
  }
  EXPECT_EQ(read, 4);
}

TEST(CertificateFuzzTest, DamagedCertificatesAreReadOrRefused) {
  std::mt19937 random(20261127);
  for (const auto& [name, whole] : sotto::testing::fuzz_corpus(SOTTO_FUZZ_CORPUS))
    for (int i = 0; i < 200; ++i) testing::take_certificate_input(sotto::testing::damaged(whole, random));
}

TEST(CertificateFuzzTest, CertificatesOfAnyValuesAreRefusedOrComeBack) {
  std::mt19937 random(20261128);
  for (int i = 0; i < 3000; ++i) {
    std::vector<std::uint8_t> bytes = {1};
    const auto strange = 1 + random() % 80;
    while (bytes.size() < 80)
      bytes.push_back(static_cast<std::uint8_t>(random() % strange == 0 ? random() % 256 : random() % 2));
    testing::take_certificate_input(bytes);
  }
}

}  // namespace
}  // namespace sotto::privacy
