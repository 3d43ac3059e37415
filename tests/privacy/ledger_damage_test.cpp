// Ledgers that were cut off, edited or rearranged, and the text of their lines.

#include <sotto/privacy/ledger_text.h>

#include <cstdlib>
#include <stdexcept>

#include "ledger_fixture.h"

namespace sotto::privacy {
namespace {

// The last record may have been flushed and its noise used before the tail was lost.
TEST_F(LedgerTest, TornTailNeverUnderCountsWhereverItIsCut) {
  for (const PoissonSampled& last : {kEvent, kOther}) {
    std::filesystem::remove(path_);
    {
      Ledger ledger = create();
      charge(ledger, 3);
      charge(ledger, 1, last);
    }
    const std::string whole = content_of(path_);
    const std::size_t last_line = whole.rfind('\n', whole.size() - 2) + 1;
    for (std::size_t length = last_line + 1; length < whole.size(); ++length) {
      replace_content(path_, whole.substr(0, length));
      const LedgerContents read = read_ledger(path_);
      ASSERT_TRUE(read.torn);
      ASSERT_EQ(steps_in(read.spent), 4) << "cut at " << length;
      ASSERT_EQ(read.spent.back().event.mechanism.noise_multiplier, last.mechanism.noise_multiplier);
      {
        Ledger ledger = Ledger::open(path_, keys(2));
        ASSERT_EQ(steps_in(ledger.spent()), 4);
        ASSERT_EQ(ledger.next_step(), 4);
        charge(ledger, 1, kEvent, 2);
      }
      const LedgerContents resumed = read_ledger(path_);
      ASSERT_FALSE(resumed.torn);
      ASSERT_EQ(steps_in(resumed.spent), 5);
    }
  }
}

// Reserve of a step with new parameters is two lines; a cut in the first one loses a step that was never granted.
TEST_F(LedgerTest, TornAnnouncementStillChargesAStep) {
  {
    Ledger ledger = create();
    charge(ledger, 3);
    charge(ledger, 1, kOther);
  }
  const std::string whole = content_of(path_);
  const std::size_t announcement = whole.find("{\"record\":\"event\"");
  replace_content(path_, whole.substr(0, announcement + 20));
  EXPECT_EQ(steps_in(Ledger::open(path_, keys(2)).spent()), 4);
}

// A start of the program that was cut off drew no noise: once its line says what it is, it costs nothing.
TEST_F(LedgerTest, TornIncarnationChargesAStepOnlyWhileItCouldBeOne) {
  create();
  const std::string whole = content_of(path_);
  const std::size_t line = whole.rfind('\n', whole.size() - 2) + 1;
  for (std::size_t length = line + 1; length < whole.size(); ++length) {
    replace_content(path_, whole.substr(0, length));
    const int charged = length < line + ledger_text::kIncarnationStart.size() ? 1 : 0;
    ASSERT_EQ(steps_in(read_ledger(path_).spent), charged) << length;
    {
      Ledger ledger = Ledger::open(path_, keys(2));
      ASSERT_EQ(steps_in(ledger.spent()), charged) << length;
      charge(ledger, 1, kEvent, 2);
    }
    ASSERT_EQ(steps_in(read_ledger(path_).spent), charged + 1) << length;
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

TEST_F(LedgerTest, EveryEditOfACompleteLineIsRefusedNamingALine) {
  {
    Ledger ledger = create();
    charge(ledger, 3);
  }
  const std::string whole = content_of(path_);
  const std::size_t last_line = whole.rfind('\n', whole.size() - 2) + 1;
  for (std::size_t i = 0; i + 1 < whole.size(); ++i) {
    if (whole[i] == '\n') continue;
    std::string edited = whole;
    edited[i] = edited[i] == '7' ? '3' : '7';
    replace_content(path_, edited);
    const std::string message = refusal();
    // The text inside a string of the last line is vouched for by nothing but the head hash kept elsewhere.
    if (message.empty() && i >= last_line) {
      EXPECT_NE(read_ledger(path_).head_hash, sha256_hex(whole.substr(last_line, whole.size() - last_line - 1)));
      continue;
    }
    ASSERT_NE(message.find(" line "), std::string::npos) << "byte " << i << ": " << edited.substr(i, 30);
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
