// Ledgers out of bytes are refused or mean what ledger_contents.h promises, wherever they are cut: the corpus of the
// libFuzzer target, its files with a few bits changed, and ledgers made of random choices. The target itself goes
// further, see tools/fuzz.sh.

#include <gtest/gtest.h>
#include <sotto/privacy/ledger_contents.h>
#include <sotto/privacy/ledger_text.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "../support/fuzz_bytes.h"
#include "fuzz/ledger_input.h"
#include "fuzz/ledger_lines.h"

namespace sotto::privacy {
namespace {

using sotto::testing::FuzzBytes;
using Bytes = std::vector<std::uint8_t>;

TEST(LedgerFuzzTest, TheCorpusKeepsItsPromisesWhereverItIsCut) {
  const auto corpus = sotto::testing::fuzz_corpus(SOTTO_FUZZ_CORPUS);
  EXPECT_GE(corpus.size(), 10);
  for (const auto& [name, bytes] : corpus) testing::take_ledger_input(bytes, 60);
}

TEST(LedgerFuzzTest, DamagedLedgersKeepTheirPromises) {
  std::mt19937 random(20261127);
  for (const auto& [name, whole] : sotto::testing::fuzz_corpus(SOTTO_FUZZ_CORPUS))
    for (int i = 0; i < 60; ++i) testing::take_ledger_input(sotto::testing::damaged(whole, random));
}

TEST(LedgerFuzzTest, MadeLedgersAreAcceptedExactlyWhenTheRulesAllowThem) {
  // The choices of a step, a recovered step, a start, a release, a checkpoint and an evaluation, as make_ledger() takes
  // them; the last where there are evaluations.
  const std::vector<Bytes> lines = {{0, 0, 0, 0, 0},    {2, 0, 0, 0, 0}, {3, 0, 0, 0, 1, 0, 0},
                                    {5, 0, 1, 1, 1, 0}, {6, 0, 0, 0, 0}, {15, 0, 0, 1, 0}};
  std::mt19937 random(20261128);
  const auto byte = [&] { return static_cast<std::uint8_t>(random()); };
  int allowed = 0, torn = 0, evaluated = 0;
  constexpr int kLedgers = 1000;
  for (int i = 0; i < kLedgers; ++i) {
    Bytes bytes = {2, byte(), byte()};
    bytes.resize(bytes.size() + 16);
    bytes[17] = static_cast<std::uint8_t>(i % 2);  // whether keys are secret, and none may come again
    const bool evaluates = i % 4 < 2;
    if (evaluates) {
      bytes[3] = 1;
      bytes.insert(bytes.begin() + 15, {static_cast<std::uint8_t>(i % 8 == 0), 0});  // one, or a hundred
    }
    bytes.insert(bytes.end(), lines[2].begin(), lines[2].end());
    for (auto more = random() % 12; more > 0; --more) {
      const Bytes& line = lines[random() % (lines.size() - (evaluates ? 0 : 1))];
      bytes.insert(bytes.end(), line.begin(), line.end());
    }
    if (i % 3 == 0) bytes[3 + random() % (bytes.size() - 3)] = byte();
    if (i % 5 == 0) bytes.insert(bytes.end(), {250, static_cast<std::uint8_t>(random() % 7), 0, 0, 0, 0, 0, byte()});
    testing::take_ledger_input(bytes, 3);
    FuzzBytes choices(std::span<const std::uint8_t>(bytes).subspan(3));
    const testing::MadeLedger made = testing::make_ledger(choices);
    allowed += made.allowed;
    evaluated += made.allowed && made.evaluations > 0;
    torn += made.allowed && made.torn;
  }
  EXPECT_GE(allowed, kLedgers / 5);
  EXPECT_LE(allowed, kLedgers * 4 / 5);
  EXPECT_GE(torn, kLedgers / 25);
  EXPECT_GE(evaluated, kLedgers / 20);
}

std::string golden() {
  std::ifstream file(std::string(SOTTO_TEST_DATA) + "/ledger-1.jsonl", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(LedgerFuzzTest, RightHashesAreThoseOfTheLedgersThatWereWritten) {
  const std::string first = golden();
  EXPECT_EQ(testing::with_right_hashes(first), first);

  LedgerHeader header;
  header.adjacency = Adjacency::zero_out;
  header.dataset_size = 100;
  header.delta = 1e-5;
  header.event = {0.5, Gaussian{1}};
  header.weight_rule = "flat";
  header.sensitivity = 1;
  header.steps = 100;
  header.accountant_name = header.accountant_version = "1";
  std::string second = ledger_text::header(header, ledger_text::kNoPrevious) + "\n";
  const auto last = [&] { return parse_ledger(second, "").head_hash; };
  second += ledger_text::incarnation({std::string(64, 'a'), std::string(64, 'b'), "2026-01-31T23:59:59Z"}, 1, last());
  second += "\n";
  second += ledger_text::release({{0.5, Gaussian{2}}, 3}, 1, last()) + "\n";
  second += ledger_text::reserve(0, 1, 1, last()) + "\n";
  second += ledger_text::recovered(1, 0, last()) + "\n";
  second += ledger_text::checkpoint({1, std::string(64, 'c')}, last()) + "\n" + R"({"record":"res)";
  EXPECT_EQ(testing::with_right_hashes(second), second);

  std::string changed = second;
  changed.replace(changed.find(R"("release":1)"), 11, R"("release":0)");
  const std::string repaired = testing::with_right_hashes(changed);
  EXPECT_NE(repaired, changed);
  EXPECT_THROW(parse_ledger(changed, ""), std::exception);
  EXPECT_EQ(parse_ledger(repaired, "").steps_charged(), 4);  // two, and the torn line may be either release
}

}  // namespace
}  // namespace sotto::privacy
