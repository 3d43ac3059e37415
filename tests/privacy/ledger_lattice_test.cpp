// What a ledger says of discrete noise: its integers, from which everything else follows.

#include <sotto/privacy/accountant.h>
#include <sotto/privacy/ledger_text.h>

#include <cmath>
#include <cstdint>
#include <string>

#include "ledger_fixture.h"

namespace sotto::privacy {
namespace {

constexpr std::uint64_t kSquaredNorm = std::uint64_t{1} << 44, kVariance = std::uint64_t{9} << 42;  // s = 1.5 D

LedgerHeader discrete_header() {
  LedgerHeader h = header();
  h.event = lattice_step(0.1, {kSquaredNorm, kVariance});
  return h;
}

class LatticeLedgerTest : public LedgerTest {
 protected:
  // The first line as a program would write it that lies about its noise, with the right hash.
  static std::string line_with(const LatticeNoise& noise) {
    LedgerHeader h = discrete_header();
    h.run = "3a240727-ee10-4c65-9142-537ea3582d25";
    h.event.lattice = noise;
    return ledger_text::header(h, ledger_text::kNoPrevious) + '\n';
  }
};

TEST_F(LatticeLedgerTest, StatesTheIntegersAndNoRoundedNumber) {
  {
    Ledger ledger = Ledger::create(path_, discrete_header(), keys(1));
    ledger.reserve(0, discrete_header().event, 0.3, keys(1).noise_key);
  }
  const std::string text = content_of(path_);
  EXPECT_NE(text.find(R"("mechanism":"discrete_gaussian","squared_norm":17592186044416,"variance":39582418599936,)"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("noise_multiplier"), std::string::npos);
  const LedgerContents found = read_ledger(path_);
  EXPECT_EQ(found.header.event.lattice, (LatticeNoise{kSquaredNorm, kVariance}));
  EXPECT_EQ(found.header.event.mechanism.noise_multiplier, 1.5);
  EXPECT_EQ(found.steps_charged(), 1);
}

// What was charged with discrete noise costs what discrete noise costs.
TEST_F(LatticeLedgerTest, SpentIsAccountedAsDiscreteNoise) {
  {
    Ledger ledger = Ledger::create(path_, discrete_header(), keys(1));
    for (int i = 0; i < 5; ++i) ledger.reserve(i, discrete_header().event, 0.3, keys(1).noise_key);
  }
  const Phases spent = read_ledger(path_).spent;
  ASSERT_EQ(spent.size(), 1u);
  EXPECT_EQ(spent[0].count, 5);
  const CertifiedBracket found = certified_epsilon({Adjacency::add_remove, {}, spent}, 1e-5);
  const Event same = SelfComposed(SampledDiscreteGaussian{0.1, 1.5}, 5);
  EXPECT_EQ(found.methods, std::vector{Method::rdp});
  EXPECT_EQ(found.bracket.upper, certified_epsilon({Adjacency::add_remove, {}, same}, 1e-5).bracket.upper);
}

// Noise of another kind with the same multiplier is another release, stated on a line of its own.
TEST_F(LatticeLedgerTest, NormalNoiseOfTheSameMultiplierIsAnotherRelease) {
  {
    Ledger ledger = Ledger::create(path_, discrete_header(), keys(1));
    ledger.reserve(0, discrete_header().event, 0.3, keys(1).noise_key);
    ledger.reserve(1, PoissonSampled{0.1, {1.5}}, 0.3, keys(1).noise_key);
    ledger.reserve(2, lattice_step(0.1, {kSquaredNorm, kVariance + 1}), 0.3, keys(1).noise_key);
  }
  const LedgerContents found = read_ledger(path_);
  ASSERT_EQ(found.releases.size(), 3u);
  EXPECT_FALSE(found.releases[1].event.lattice);
  EXPECT_EQ(found.releases[2].event.lattice->variance, kVariance + 1);
  EXPECT_EQ(found.spent.size(), 3u);
}

TEST_F(LatticeLedgerTest, ChangedIntegersAreNoticed) {
  Ledger::create(path_, discrete_header(), keys(1));
  const std::string text = content_of(path_);
  for (const char* number : {"17592186044416", "39582418599936"}) {
    std::string changed = text;
    changed.replace(changed.find(number) + 1, 1, "8");
    replace_content(path_, changed);
    EXPECT_THROW(read_ledger(path_), LedgerError) << number;
  }
}

// With the right hash: a number that no mechanism could have had is refused, any other is read as what it is.
TEST_F(LatticeLedgerTest, IntegersOutsideTheirRangeAreRefusedWithTheRightHashToo) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 62;
  EXPECT_EQ(parse_ledger(line_with({kSquaredNorm, kVariance}), "ledger").header.event.mechanism.noise_multiplier, 1.5);
  const double smaller =
      parse_ledger(line_with({kSquaredNorm, kVariance - 1}), "ledger").header.event.mechanism.noise_multiplier;
  EXPECT_LT(smaller, 1.5);
  EXPECT_NO_THROW(parse_ledger(line_with({1, kMost}), "ledger"));
  for (const LatticeNoise& bad : {LatticeNoise{0, kVariance}, LatticeNoise{kSquaredNorm, 0},
                                  LatticeNoise{kSquaredNorm, kMost + 1}, LatticeNoise{kMost + 1, kVariance}})
    EXPECT_THROW(parse_ledger(line_with(bad), "ledger"), LedgerError);
}

TEST_F(LatticeLedgerTest, MultiplierThatIsNotThatOfTheIntegersIsRefused) {
  LedgerHeader h = discrete_header();
  h.event.mechanism.noise_multiplier = 1.6;
  EXPECT_THROW(Ledger::create(path_, h, keys(1)), UsageError);
  Ledger ledger = Ledger::create(path_, discrete_header(), keys(1));
  StepEvent louder = discrete_header().event;
  louder.lattice->variance -= 1;
  EXPECT_THROW(ledger.reserve(0, louder, 0.3, keys(1).noise_key), UsageError);
  EXPECT_EQ(ledger.contents().steps_charged(), 0);
}

}  // namespace
}  // namespace sotto::privacy
