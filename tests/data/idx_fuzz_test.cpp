// Damaged files must be refused or read, never crash, and never make the reader take more memory than the file can
// hold.

#include <gtest/gtest.h>
#include <sotto/data/idx.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cstddef>
#include <random>

#include "../support/fuzz_bytes.h"
#include "fuzz/idx_input.h"
#include "idx_bytes.h"
#include "largest_request.h"

namespace sotto::data {
namespace {

using testing::Bytes;
using testing::gzipped;
using testing::idx_header;
using testing::joined;

constexpr std::size_t kReaderOverhead = 1 << 20;

// Whether the bytes were accepted.
bool survives(const testing::ScratchFolder& folder, const Bytes& bytes) {
  const auto path = folder.write("damaged", bytes);
  testing::take_largest_request();
  try {
    const IdxFile file = read_idx(path);
    std::size_t product = 1;
    for (const std::int64_t size : file.sizes) product *= static_cast<std::size_t>(size);
    EXPECT_EQ(file.values.size(), product);
    EXPECT_LE(testing::take_largest_request(), bytes.size() * 1032 + kReaderOverhead);
    return true;
  } catch (const DataError&) {
    EXPECT_LE(testing::take_largest_request(), bytes.size() * 1032 + kReaderOverhead);
    return false;
  }
}

class IdxFuzzTest : public ::testing::TestWithParam<bool> {
 protected:
  Bytes packed(const Bytes& content) const { return GetParam() ? gzipped(content) : content; }
  testing::ScratchFolder folder_;
  std::mt19937 random_{20240607};
};

TEST_P(IdxFuzzTest, FlippedBitsNeverCrashOrTakeMemory) {
  Bytes values(12 * 5 * 5);
  for (auto& value : values) value = static_cast<std::uint8_t>(random_());
  const Bytes whole = packed(joined(idx_header({12, 5, 5}), values));
  ASSERT_TRUE(survives(folder_, whole));
  for (int i = 0; i < 2000; ++i) {
    Bytes bytes = whole;
    const int flips = 1 + static_cast<int>(random_() % 3);
    // Half of the damage goes to the header, which is where it has consequences.
    const std::size_t span = i % 2 == 0 ? std::min<std::size_t>(bytes.size(), 24) : bytes.size();
    for (int k = 0; k < flips; ++k) bytes[random_() % span] ^= static_cast<std::uint8_t>(1U << (random_() % 8));
    survives(folder_, bytes);
  }
}

TEST_P(IdxFuzzTest, EveryTruncationIsRefused) {
  const Bytes whole = packed(joined(idx_header({12, 5, 5}), Bytes(300, 9)));
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(survives(folder_, Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length))))
        << length;
}

TEST_P(IdxFuzzTest, RandomBytesAfterAValidStartAreRefused) {
  for (int i = 0; i < 500; ++i) {
    Bytes bytes = GetParam() ? Bytes{0x1f, 0x8b, 8, 0} : Bytes{0, 0, 8, 3};
    for (std::size_t k = 0, length = random_() % 200; k < length; ++k)
      bytes.push_back(static_cast<std::uint8_t>(random_()));
    EXPECT_FALSE(survives(folder_, bytes));
  }
}

TEST_P(IdxFuzzTest, HeaderThatPromisesGigabytesTakesNoMemory) {
  EXPECT_FALSE(survives(folder_, packed(idx_header({1U << 30}))));
  EXPECT_FALSE(survives(folder_, packed(joined(idx_header({60000, 200, 200}), Bytes(100)))));
}

INSTANTIATE_TEST_SUITE_P(Packing, IdxFuzzTest, ::testing::Bool(),
                         [](const auto& instance) { return instance.param ? "Gzip" : "Plain"; });

TEST(IdxBombTest, ArchiveThatUnpacksToMoreThanItsHeaderIsRefusedUnexpanded) {
  const testing::ScratchFolder folder;
  const auto path = folder.write("bomb", gzipped(joined(idx_header({10}), Bytes(64 << 20))));
  testing::take_largest_request();
  EXPECT_THROW(read_idx(path), DataError);
  EXPECT_LT(testing::take_largest_request(), kReaderOverhead);
}

// The corpus of the libFuzzer target, and its files with a few bits changed. The target itself goes further, see
// tools/fuzz.sh.
TEST(IdxCorpusTest, IsReadOrRefusedAndComesBackWhenItIsWritten) {
  const auto corpus = sotto::testing::fuzz_corpus(std::filesystem::path(SOTTO_FUZZ_CORPUS) / "idx");
  EXPECT_GE(corpus.size(), 13);
  std::mt19937 random(20261128);
  for (const auto& [name, whole] : corpus) {
    testing::take_idx_input(whole);
    for (int i = 0; i < 400; ++i) testing::take_idx_input(sotto::testing::damaged(whole, random));
  }
}

}  // namespace
}  // namespace sotto::data
