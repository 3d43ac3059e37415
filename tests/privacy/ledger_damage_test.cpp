// Ledgers that were cut off, edited or rearranged, and the text of their lines.

#include <sotto/privacy/ledger_text.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "ledger_fixture.h"

namespace sotto::privacy {
namespace {

// The last record may have been flushed and its noise used before the tail was lost. Where the release cannot be read
// any more, one step of each counts.
TEST_F(LedgerTest, TornTailNeverUnderCountsWhereverItIsCut) {
  for (const PoissonSampled& last : {kEvent, kOther}) {
    std::filesystem::remove(path_);
    const bool same = same_parameters(last, kEvent);
    {
      Ledger ledger = create();
      charge(ledger, 3);
      charge(ledger, 1, last);
    }
    const std::string whole = content_of(path_);
    const std::size_t last_line = whole.rfind('\n', whole.size() - 2) + 1;
    const std::size_t named = whole.find("\"incarnation\"", last_line);
    for (std::size_t length = last_line + 1; length < whole.size(); ++length) {
      replace_content(path_, whole.substr(0, length));
      const LedgerContents read = read_ledger(path_);
      const int charged = same || length >= named ? 4 : 5;
      ASSERT_TRUE(read.torn);
      ASSERT_EQ(read.steps_charged(), charged) << "cut at " << length;
      ASSERT_EQ(read.spent.back().event.mechanism.noise_multiplier, last.mechanism.noise_multiplier);
      {
        Ledger ledger = Ledger::open(path_, keys(2));
        ASSERT_EQ(steps_in(ledger.spent()), charged);
        ASSERT_EQ(ledger.next_step(), charged);
        charge(ledger, 1, kEvent, 2);
      }
      const LedgerContents resumed = read_ledger(path_);
      ASSERT_FALSE(resumed.torn);
      ASSERT_EQ(resumed.steps_charged(), charged + 1);
      ASSERT_EQ(resumed.spent.size(), same ? 1u : 3u);
    }
  }
}

// Reserve of a step with new parameters is two lines; a cut in the first one loses a step that was never granted.
TEST_F(LedgerTest, TornReleaseStillChargesAStep) {
  {
    Ledger ledger = create();
    charge(ledger, 3);
    charge(ledger, 1, kOther);
  }
  const std::string whole = content_of(path_);
  const std::size_t stated = whole.find("{\"record\":\"release\"");
  for (const std::size_t length : {1, 20, 100}) {
    replace_content(path_, whole.substr(0, stated + length));
    EXPECT_EQ(steps_in(Ledger::open(path_, keys(2)).spent()), 4);
  }
}

// A start of the program or a checkpoint that was cut off drew no noise: once its line says what it is, it costs
// nothing.
TEST_F(LedgerTest, TornLineWithoutAChargeChargesAStepOnlyWhileItCouldBeOne) {
  for (const std::string_view start : {ledger_text::kIncarnationStart, ledger_text::kFileStart}) {
    std::filesystem::remove(path_);
    create();
    {
      Ledger ledger = Ledger::open(path_, keys(3));
      if (start == ledger_text::kFileStart) ledger.record_checkpoint({0, sha256_hex("file")});
    }
    const std::string whole = content_of(path_);
    const std::size_t line = whole.rfind('\n', whole.size() - 2) + 1;
    for (std::size_t length = line + 1; length < whole.size(); ++length) {
      replace_content(path_, whole.substr(0, length));
      const int charged = length < line + start.size() ? 1 : 0;
      ASSERT_EQ(steps_in(read_ledger(path_).spent), charged) << length;
      {
        Ledger ledger = Ledger::open(path_, keys(2));
        ASSERT_EQ(steps_in(ledger.spent()), charged) << length;
        charge(ledger, 1, kEvent, 2);
      }
      ASSERT_EQ(steps_in(read_ledger(path_).spent), charged + 1) << length;
    }
  }
}

// No step can come before a first start, nor after the last one that is planned.
TEST_F(LedgerTest, TornLineWhereNoChargeCanBeChargesNothing) {
  create();
  std::string whole = content_of(path_);
  for (std::size_t length = whole.find('\n') + 2; length < whole.size(); ++length) {
    replace_content(path_, whole.substr(0, length));
    ASSERT_EQ(read_ledger(path_).steps_charged(), 0) << length;
  }
  std::filesystem::remove(path_);
  LedgerHeader h = header();
  h.steps = 2;
  {
    Ledger ledger = Ledger::create(path_, h, keys(1));
    charge(ledger, 2);
    EXPECT_THROW(charge(ledger, 1), BudgetExhausted);
    EXPECT_THROW(ledger.begin_reserve(2, kEvent, 0.3, keys(1).noise_key), BudgetExhausted);
  }
  whole = content_of(path_);
  for (const std::string& line : {ledger_text::checkpoint({2, sha256_hex("file")}, read_ledger(path_).head_hash),
                                  ledger_text::certificate(sha256_hex("file"), read_ledger(path_).head_hash)})
    for (std::size_t length = 1; length < line.size(); ++length) {
      replace_content(path_, whole + line.substr(0, length));
      ASSERT_EQ(Ledger::open(path_, keys(2)).contents().steps_charged(), 2) << length;
    }
}

TEST_F(LedgerTest, LedgerThatWasNotBegunIsReplaced) {
  create();
  const std::string whole = content_of(path_);
  for (std::size_t length = 0; length <= whole.find('\n'); ++length) {
    replace_content(path_, whole.substr(0, length));
    EXPECT_NO_THROW(create()) << length;
  }
  for (const char* other : {"x", "{\"record\":\"other", "a file of the user"}) {
    replace_content(path_, other);
    EXPECT_THROW(create(), LedgerError) << other;
    EXPECT_EQ(content_of(path_), other);
  }
}

TEST_F(LedgerTest, TornHeaderIsRefused) {
  create();
  const std::string whole = content_of(path_);
  for (std::size_t length : {std::size_t{0}, std::size_t{1}, whole.find('\n')}) {
    replace_content(path_, whole.substr(0, length));
    EXPECT_THROW(Ledger::open(path_, keys(2)), LedgerError) << length;
  }
}

// Every byte, changed in every bit: only the last line feed is no part of a line, and without it the line is torn.
TEST_F(LedgerTest, EveryFlippedBitIsNoticedInTheLineItIsIn) {
  {
    Ledger ledger = create();
    charge(ledger, 2);
    charge(ledger, 1, kOther);
    ledger.record_checkpoint({3, sha256_hex("file")});
    ledger.record_certificate(sha256_hex("another"));
    charge(ledger, 1);
  }
  const std::string whole = content_of(path_);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string edited = whole;
      edited[i] = static_cast<char>(edited[i] ^ (1 << bit));
      std::string message;
      try {
        const LedgerContents read = parse_ledger(edited, "here");
        ASSERT_TRUE(i + 1 == whole.size() && read.torn && read.steps_charged() >= 4) << "byte " << i;
      } catch (const LedgerError& error) {
        message = error.what();
        const auto line = 1 + std::count(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(i), '\n');
        ASSERT_NE(message.find("here line " + std::to_string(line)), std::string::npos) << message << " byte " << i;
      }
    }
  }
}

TEST_F(LedgerTest, RemovedSwappedAndRepeatedLinesAreRefused) {
  {
    Ledger ledger = create();
    charge(ledger, 4);
  }
  std::vector<std::string> lines;
  std::ifstream file(path_);
  for (std::string line; std::getline(file, line);) lines.push_back(line + '\n');
  const auto join = [](const std::vector<std::string>& parts) {
    std::string all;
    for (const auto& part : parts) all += part;
    return all;
  };
  for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
    auto removed = lines, swapped = lines, repeated = lines, blank = lines;
    removed.erase(removed.begin() + static_cast<std::ptrdiff_t>(i));
    std::swap(swapped[i], swapped[i + 1]);
    repeated.insert(repeated.begin() + static_cast<std::ptrdiff_t>(i), lines[i]);
    blank.insert(blank.begin() + static_cast<std::ptrdiff_t>(i), "\n");
    for (const auto& bad : {removed, swapped, repeated, blank}) {
      replace_content(path_, join(bad));
      EXPECT_NE(refusal().find(" line "), std::string::npos) << i;
      EXPECT_THROW(Ledger::open(path_, keys(2)), LedgerError);
    }
  }
}

// As the version before wrote it: tests/golden/ledger-1.jsonl, with its certificate.
TEST_F(LedgerTest, FirstSchemaIsReadAndNotContinued) {
  const std::string first = content_of(std::filesystem::path(SOTTO_TEST_DATA) / "ledger-1.jsonl");
  const LedgerContents read = parse_ledger(first, "ledger-1.jsonl");
  EXPECT_EQ(read.schema, 1);
  EXPECT_EQ(read.records, 14);
  EXPECT_EQ(read.incarnations.size(), 2u);
  EXPECT_EQ(read.steps_charged(), 9);
  ASSERT_EQ(read.spent.size(), 3u);
  EXPECT_EQ(read.spent[0].count, 5);
  EXPECT_EQ(read.spent[1].event.mechanism.noise_multiplier, 1.5);
  EXPECT_EQ(read.spent[2].event.mechanism.noise_multiplier, 0.8);
  EXPECT_EQ(read.head_hash, "163c1734ea31b201fb061d21a2c2b0cf31bcfad88b457ebb03eaf650d255f387");
  EXPECT_EQ(ledger_until(first, read.head_hash).value().steps_charged(), 9);

  replace_content(path_, first);
  EXPECT_THROW(Ledger::open(path_, keys(7)), LedgerError);
  EXPECT_EQ(content_of(path_), first);
  const std::size_t last_line = first.rfind('\n', first.size() - 2) + 1;
  for (std::size_t i = 0; i < last_line; ++i) {
    std::string edited = first;
    edited[i] = static_cast<char>(edited[i] ^ 1);
    EXPECT_THROW(parse_ledger(edited, "here"), LedgerError) << i;
  }
  for (std::size_t length = last_line + 1; length < first.size(); ++length)
    EXPECT_EQ(parse_ledger(first.substr(0, length), "here").steps_charged(), 9) << length;
}

// tests/golden/ledger-2.jsonl is as this version wrote it: five steps, a checkpoint, a step that was torn and recovered
// by a second start, and the certificate of certificate-2.json. ledger-2-releases.jsonl has three kinds of releases and
// no secret keys. Their chains were checked without any of this code, by Python's hashlib and json: the SHA-256 of each
// line without its last 75 bytes, which are its key "hash", is what that key says and what the next line calls
// "previous", after 64 zeros in the first. The hashes here, the kinds of lines and the steps are those that it found.
TEST_F(LedgerTest, SecondSchemaIsReadAsItWasWritten) {
  const std::string text = content_of(std::filesystem::path(SOTTO_TEST_DATA) / "ledger-2.jsonl");
  const LedgerContents read = parse_ledger(text, "ledger-2.jsonl");
  EXPECT_EQ(read.schema, 2);
  EXPECT_EQ(read.records, 17);
  EXPECT_EQ(read.head_hash, "1ce0fcb3d768d86717a45f0df122b8dac89e519179c2af3eb4151b5f685fd877");
  EXPECT_FALSE(read.torn);
  EXPECT_TRUE(read.header.keys_are_secret);
  EXPECT_EQ(read.header.sensitivity, 0.1);
  EXPECT_EQ(read.header.event.sampling_rate, 256.0 / 60000);
  EXPECT_EQ(read.incarnations.size(), 2u);
  EXPECT_EQ(read.last_step, 11);
  ASSERT_EQ(read.spent.size(), 1u);
  EXPECT_EQ(read.spent[0].count, 12);
  EXPECT_EQ(read.spent[0].event.mechanism.noise_multiplier, 0.8);
  ASSERT_EQ(read.checkpoints.size(), 1u);
  EXPECT_EQ(read.checkpoints[0].applied_steps, 5);
  EXPECT_EQ(ledger_until(text, read.checkpoints[0].after).value().steps_charged(), 5);

  const std::string certificate = content_of(std::filesystem::path(SOTTO_TEST_DATA) / "certificate-2.json");
  EXPECT_TRUE(read.ends_with_certificate(sha256_hex(certificate)));
  EXPECT_EQ(read.certificates[0].after, "f12cabd5e0127489a656d4c3f5cdf8e972eee2755a4b1cdf529c94855b3d077e");
  EXPECT_EQ(ledger_until(text, read.certificates[0].after).value().steps_charged(), 12);

  replace_content(path_, text);
  EXPECT_EQ(Ledger::open(path_, keys(7)).contents().steps_charged(), 12) << "it can be gone on with";
}

TEST_F(LedgerTest, SecondSchemaKeepsEveryKindOfRelease) {
  const std::string text = content_of(std::filesystem::path(SOTTO_TEST_DATA) / "ledger-2-releases.jsonl");
  const LedgerContents read = parse_ledger(text, "ledger-2-releases.jsonl");
  EXPECT_EQ(read.records, 8);
  EXPECT_EQ(read.head_hash, "2a2ce5bec1f066c5597bb20d2978ade289c3db574388b3867c565aee2c950017");
  EXPECT_FALSE(read.header.keys_are_secret);
  EXPECT_TRUE(read.header.unit_is_group);
  EXPECT_EQ(read.header.adjacency, Adjacency::zero_out);
  EXPECT_EQ(read.last_step, 8);
  EXPECT_EQ(steps_in(read.spent), 4);
  ASSERT_EQ(read.releases.size(), 3u);
  constexpr std::uint64_t kSquaredNorm = std::uint64_t{1} << 44;
  EXPECT_EQ(read.releases[0].event.lattice, (LatticeNoise{kSquaredNorm, 2 * kSquaredNorm}));
  EXPECT_EQ(read.releases[1].event.lattice, std::nullopt);
  EXPECT_EQ(read.releases[1].event.mechanism.noise_multiplier, 2);
  EXPECT_EQ(read.releases[1].sensitivity, 1);
  EXPECT_EQ(read.releases[2].event.lattice, (LatticeNoise{kSquaredNorm, 1}));
  EXPECT_THROW(parse_ledger(text.substr(0, text.rfind("{\"record\"")) + "\n", "here"), LedgerError);
}

TEST_F(LedgerTest, UnknownSchemaIsRefused) {
  create();
  std::string text = content_of(path_);
  text.replace(text.find("\"schema\":2"), 10, "\"schema\":3");
  replace_content(path_, text);
  EXPECT_NE(refusal().find("schema 3, which this version does not know"), std::string::npos) << refusal();
}

TEST(LedgerText, HexadecimalIsExactAndStrict) {
  for (double value : {0.0, 1.0, 0.1, 1e-5, 1e300, 5e-324, 60000.0, 0.3, 0x1.fffffffffffffp+1023}) {
    const std::string text = ledger_text::hexadecimal(value);
    EXPECT_EQ(ledger_text::parse_hexadecimal(text), value) << text;
    EXPECT_EQ(std::strtod(text.c_str(), nullptr), value) << text;
  }
  EXPECT_EQ(ledger_text::hexadecimal(1.5), "0x1.8p+0");
  for (const char* bad : {"", "0x", "1.5", "0x1.8p+0 ", " 0x1.8p+0", "0x1.80p+0", "0X1.8p+0", "0x3p-1", "nan", "0xnan",
                          "inf", "0xinf", "0x1p+1024", "-", "-0", "0x1.8p+0x", "+0x1p+0", "-0x1p+0"})
    EXPECT_THROW(ledger_text::parse_hexadecimal(bad), std::invalid_argument) << bad;
}

}  // namespace
}  // namespace sotto::privacy
