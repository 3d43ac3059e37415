// The records of a ledger: what they say, and that each is in the chain of hashes.

#include <cstdint>
#include <limits>
#include <optional>
#include <type_traits>

#include "ledger_fixture.h"

namespace sotto::privacy {
namespace {

static_assert(!std::is_copy_constructible_v<Ledger> && std::is_nothrow_move_constructible_v<Ledger>);

TEST_F(LedgerTest, SpentIsWhatWasReservedAcrossIncarnationsAndEvents) {
  {
    Ledger ledger = create();
    charge(ledger, 3);
    charge(ledger, 2, kOther);
  }
  Ledger ledger = Ledger::open(path_, keys(2));
  EXPECT_EQ(ledger.next_step(), 5);
  charge(ledger, 4, kOther, 2);
  charge(ledger, 1, kEvent, 2);
  const LedgerContents contents = read_ledger(path_);
  for (const Phases& spent : {contents.spent, ledger.spent()}) {
    ASSERT_EQ(spent.size(), 3u);
    EXPECT_EQ(spent[0].count, 3);
    EXPECT_EQ(spent[1].count, 6);
    EXPECT_EQ(spent[2].count, 1);
    EXPECT_EQ(spent[0].event.sampling_rate, 0.1);
    EXPECT_EQ(spent[0].event.mechanism.noise_multiplier, 1.1);
    EXPECT_EQ(spent[1].event.mechanism.noise_multiplier, 0.7);
  }
  EXPECT_EQ(contents.incarnations.size(), 2u);
  EXPECT_EQ(contents.incarnations[1].noise_key, keys(2).noise_key);
  EXPECT_EQ(contents.head_hash, ledger.head_hash());
  EXPECT_EQ(contents.records, ledger.contents().records);
  EXPECT_EQ(contents.last_step, 9);
  EXPECT_FALSE(contents.torn);
}

TEST_F(LedgerTest, HeaderSurvivesExactly) {
  create();
  const LedgerHeader found = read_ledger(path_).header;
  EXPECT_EQ(found.adjacency, Adjacency::add_remove);
  EXPECT_EQ(found.dataset_size, 60000);
  EXPECT_EQ(found.delta, 1e-5);
  EXPECT_EQ(found.event.sampling_rate, 0.1);
  EXPECT_EQ(found.weight_rule, "psac");
  EXPECT_EQ(found.weight_rule_parameters, header().weight_rule_parameters);
  EXPECT_EQ(found.sensitivity, 0.3);
  EXPECT_EQ(found.steps, 100);
  EXPECT_EQ(found.accountant_name, "rdp");
  EXPECT_TRUE(found.keys_are_secret);
  EXPECT_EQ(found.run.size(), 36u);
  EXPECT_EQ(found.run[14], '4');
}

TEST_F(LedgerTest, EveryLineHoldsItsHashAndThatOfTheLineBefore) {
  Ledger ledger = create();
  charge(ledger, 3);
  std::ifstream file(path_);
  std::string line, previous(64, '0');
  int lines = 0;
  for (; std::getline(file, line); ++lines) {
    const std::string body = line.substr(0, line.find(",\"hash\":"));
    EXPECT_TRUE(body.ends_with("\"previous\":\"" + previous + "\"")) << line;
    previous = sha256_hex(body);
    EXPECT_EQ(line, body + ",\"hash\":\"" + previous + "\"}");
  }
  EXPECT_EQ(lines, 5);
  EXPECT_EQ(previous, ledger.head_hash());
}

// A kind of release is stated once.
TEST_F(LedgerTest, ReleasesAreStatedOnce) {
  Ledger ledger = create();
  for (int i = 0; i < 3; ++i) {
    charge(ledger, 1);
    charge(ledger, 1, kOther);
  }
  const LedgerContents read = read_ledger(path_);
  EXPECT_EQ(read.releases.size(), 2u);
  EXPECT_EQ(read.records, 2 + 6 + 1);
  EXPECT_EQ(read.spent.size(), 6u);
  EXPECT_EQ(read.head_hash, ledger.head_hash());
}

TEST_F(LedgerTest, CheckpointsAreInTheChain) {
  Ledger ledger = create();
  charge(ledger, 3);
  const std::string before = ledger.head_hash();
  ledger.record_checkpoint({2, sha256_hex("one")});
  charge(ledger, 1);
  ledger.record_checkpoint({4, sha256_hex("two")});
  const LedgerContents read = read_ledger(path_);
  ASSERT_EQ(read.checkpoints.size(), 2u);
  EXPECT_EQ(read.checkpoints[0].applied_steps, 2);
  EXPECT_EQ(read.checkpoints[1].sha256, sha256_hex("two"));
  EXPECT_EQ(read.head_hash, ledger.head_hash());
  EXPECT_EQ(ledger_until(content_of(path_), before).value().steps_charged(), 3);
  EXPECT_EQ(ledger_until(content_of(path_), ledger.head_hash()).value().steps_charged(), 4);
  EXPECT_FALSE(ledger_until(content_of(path_), sha256_hex("other")));
  EXPECT_THROW(ledger.record_checkpoint({5, sha256_hex("three")}), UsageError);
  EXPECT_THROW(ledger.record_checkpoint({-1, sha256_hex("three")}), UsageError);
  EXPECT_THROW(ledger.record_checkpoint({4, "three"}), UsageError);
  EXPECT_EQ(read_ledger(path_).head_hash, ledger.head_hash());
}

TEST_F(LedgerTest, CertificateIsTheLastRecordUntilSomethingHappens) {
  {
    Ledger ledger = create();
    charge(ledger, 3);
    const std::string before = ledger.head_hash();
    EXPECT_FALSE(ledger.contents().ends_with_certificate(sha256_hex("one")));
    ledger.record_certificate(sha256_hex("one"));
    const LedgerContents read = read_ledger(path_);
    for (const LedgerContents& contents : {read, ledger.contents()}) {
      EXPECT_TRUE(contents.ends_with_certificate(sha256_hex("one")));
      EXPECT_FALSE(contents.ends_with_certificate(sha256_hex("two")));
      ASSERT_EQ(contents.certificates.size(), 1u);
      EXPECT_EQ(contents.certificates[0].after, before);
    }
    ledger.record_checkpoint({3, sha256_hex("file")});
    EXPECT_FALSE(ledger.contents().ends_with_certificate(sha256_hex("one")));
    ledger.record_certificate(sha256_hex("one"));
    charge(ledger, 1);
    EXPECT_FALSE(ledger.contents().ends_with_certificate(sha256_hex("one")));
    ledger.record_certificate(sha256_hex("one"));
    EXPECT_THROW(ledger.record_certificate("one"), UsageError);
  }
  replace_content(path_, content_of(path_) + "{");
  EXPECT_FALSE(read_ledger(path_).ends_with_certificate(sha256_hex("one"))) << "torn";
  EXPECT_FALSE(Ledger::open(path_, keys(2)).contents().ends_with_certificate(sha256_hex("one")));
}

TEST_F(LedgerTest, RefusesInvalidParameters) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  const auto refuses = [&](auto change) {
    LedgerHeader h = header();
    change(h);
    EXPECT_THROW(Ledger::create(path_, h, keys(1)), UsageError);
    EXPECT_FALSE(std::filesystem::exists(path_));
  };
  refuses([](auto& h) { h.adjacency.reset(); });
  for (std::int64_t bad : {std::int64_t{0}, std::int64_t{-1}, kMaxCount + 1}) {
    refuses([&](auto& h) { h.dataset_size = bad; });
    refuses([&](auto& h) { h.steps = bad; });
  }
  for (double bad : {nan, infinity, 0.0, 1.0, -1e-5}) refuses([&](auto& h) { h.delta = bad; });
  for (double bad : {nan, infinity, -0.1, 1.1}) refuses([&](auto& h) { h.event.sampling_rate = bad; });
  for (double bad : {nan, infinity, -1.0}) refuses([&](auto& h) { h.event.mechanism.noise_multiplier = bad; });
  for (double bad : {nan, infinity, 0.0, -1.0}) refuses([&](auto& h) { h.sensitivity = bad; });
  refuses([](auto& h) { h.weight_rule.clear(); });
  for (double bad : {nan, infinity, -1.0}) refuses([&](auto& h) { h.weight_rule_parameters["r"] = bad; });
  refuses([](auto& h) { h.accountant_name.clear(); });
  refuses([](auto& h) { h.accountant_version.clear(); });
  refuses([](auto& h) { h.keys_are_secret = false; });
  LedgerKeys bad_keys = keys(1);
  bad_keys.noise_key[3] = 'G';
  EXPECT_THROW(Ledger::create(path_, header(), bad_keys), UsageError);
  EXPECT_THROW(Ledger::create(path_, header(), LedgerKeys{}), UsageError);

  Ledger ledger = create();
  EXPECT_THROW(ledger.reserve(0, PoissonSampled{}, 0.3, keys(1).noise_key), UsageError);
  EXPECT_THROW(ledger.reserve(0, kEvent, nan, keys(1).noise_key), UsageError);
  EXPECT_THROW(ledger.reserve(0, kEvent, 0, keys(1).noise_key), UsageError);
  EXPECT_TRUE(ledger.spent().empty());
}

}  // namespace
}  // namespace sotto::privacy
