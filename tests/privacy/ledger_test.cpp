#include <fcntl.h>
#include <sotto/privacy/ledger_text.h>
#include <sotto/privacy/ledger_time.h>
#include <sys/wait.h>

#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include "ledger_fixture.h"

namespace sotto::privacy {
namespace {

static_assert(!std::is_copy_constructible_v<Ledger> && std::is_nothrow_move_constructible_v<Ledger>);

// The descriptor of this process that points at the ledger is made another name for `file`.
void put_under(const std::filesystem::path& path, int file) {
  int found = 0;
  for (int fd = 3; fd < 256; ++fd) {
    std::error_code ignored;
    const auto target = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), ignored);
    if (ignored || target != std::filesystem::canonical(path)) continue;
    ASSERT_EQ(::dup2(file, fd), fd);
    ++found;
  }
  ASSERT_EQ(found, 1);
}

void fill_the_disk_under(const std::filesystem::path& path) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  put_under(path, full);
  ::close(full);
}

TEST_F(LedgerTest, StartsStateAFixedTimeWhileThereIsOne) {
  const std::string fixed = "2026-01-31T23:59:59Z";
  {
    const FixedLedgerTime time(fixed);
    create();
    Ledger::open(path_, keys(2));
  }
  EXPECT_EQ(FixedLedgerTime::now(), std::nullopt);
  Ledger::open(path_, keys(3));
  const LedgerContents contents = read_ledger(path_);
  ASSERT_EQ(contents.incarnations.size(), 3u);
  EXPECT_EQ(contents.incarnations[0].time, fixed);
  EXPECT_EQ(contents.incarnations[1].time, fixed);
  EXPECT_GT(contents.incarnations[2].time, fixed);
  for (const char* bad : {"", "2026-01-31 23:59:59Z", "2026-01-31T23:59:59", "yesterday"})
    EXPECT_THROW(FixedLedgerTime{bad}, UsageError) << bad;
}

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
  EXPECT_EQ(steps_until(content_of(path_), before), 3);
  EXPECT_EQ(steps_until(content_of(path_), ledger.head_hash()), 4);
  EXPECT_EQ(steps_until(content_of(path_), sha256_hex("other")), std::nullopt);
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

// Whatever fails while a charge is on its way, nothing is charged after it.
TEST_F(LedgerTest, FailedCheckpointIsNotForgottenByTheChargeOnItsWay) {
  Ledger ledger = create();
  ledger.begin_reserve(0, kEvent, 0.3, keys(1).noise_key);
  fill_the_disk_under(path_);
  EXPECT_THROW(ledger.record_checkpoint({0, sha256_hex("one")}), IoError);
  EXPECT_THROW(ledger.reserve(0, kEvent, 0.3, keys(1).noise_key), LedgerError);
  EXPECT_THROW(ledger.reserve(1, kEvent, 0.3, keys(1).noise_key), LedgerError);
}

TEST_F(LedgerTest, CheckpointWhileAChargeIsOnItsWayLeavesTheCharge) {
  Ledger ledger = create();
  ledger.begin_reserve(0, kEvent, 0.3, keys(1).noise_key);
  ledger.record_checkpoint({0, sha256_hex("one")});
  EXPECT_TRUE(ledger.charging());
  ledger.reserve(0, kEvent, 0.3, keys(1).noise_key);
  EXPECT_EQ(steps_in(read_ledger(path_).spent), 1);
}

TEST_F(LedgerTest, ClockThatGoesBackwardsIsRefusedAndChangesNothing) {
  {
    Ledger ledger = create();
    charge(ledger, 1);
  }
  const LedgerContents read = read_ledger(path_);
  LedgerIncarnation later = {keys(2).noise_key, keys(2).sampler_key, "2999-01-01T00:00:00Z"};
  const std::string future = content_of(path_) + ledger_text::incarnation(later, 2, read.head_hash) + '\n';
  for (const char* torn : {"", "{\"record\":\"reserve\""}) {
    replace_content(path_, future + torn);
    try {
      Ledger::open(path_, keys(3));
      ADD_FAILURE();
    } catch (const LedgerError& error) {
      EXPECT_NE(std::string(error.what()).find("2999-01-01T00:00:00Z"), std::string::npos) << error.what();
    }
    EXPECT_EQ(content_of(path_), future + torn);
  }
  later.time = "2001-01-01T00:00:00Z";
  replace_content(path_, future.substr(0, future.rfind('\n', future.size() - 2) + 1) +
                             ledger_text::incarnation(later, 2, read.head_hash) + '\n');
  EXPECT_NE(refusal().find("clock went backwards"), std::string::npos) << refusal();
  later.time = "yesterday";
  replace_content(path_, future.substr(0, future.rfind('\n', future.size() - 2) + 1) +
                             ledger_text::incarnation(later, 2, read.head_hash) + '\n');
  EXPECT_NE(refusal().find("a time that is not"), std::string::npos) << refusal();
}

TEST_F(LedgerTest, KeyThatIsAnnouncedTwiceIsRefusedByTheReader) {
  create();
  const LedgerContents read = read_ledger(path_);
  const LedgerIncarnation again = {keys(1).noise_key, keys(2).sampler_key, read.incarnations[0].time};
  replace_content(path_, content_of(path_) + ledger_text::incarnation(again, 2, read.head_hash) + '\n');
  EXPECT_NE(refusal().find("noise was drawn twice"), std::string::npos) << refusal();
}

TEST_F(LedgerTest, ReserveIsInTheFileWhenItReturns) {
  Ledger ledger = create();
  for (int step = 0; step < 5; ++step) {
    charge(ledger, 1);
    EXPECT_EQ(steps_in(read_ledger(path_).spent), step + 1);
  }
}

TEST_F(LedgerTest, TestKeysStampTheRunNotPrivate) {
  LedgerHeader h = header();
  h.keys_are_secret = false;
  { Ledger ledger = Ledger::create(path_, h, keys(1, false)); }
  EXPECT_FALSE(read_ledger(path_).header.keys_are_secret);
  EXPECT_NE(content_of(path_).find("NOT PRIVATE"), std::string::npos);
  EXPECT_THROW(Ledger::open(path_, keys(2, true)), LedgerError);
  EXPECT_NO_THROW(Ledger::open(path_, keys(1, false)));
}

TEST_F(LedgerTest, PrivateRunRefusesTestKeysAndUsedKeys) {
  create();
  EXPECT_THROW(Ledger::open(path_, keys(2, false)), LedgerError);
  EXPECT_THROW(Ledger::open(path_, keys(1)), LedgerError);
  LedgerKeys half = keys(2);
  half.sampler_key = keys(1).sampler_key;
  EXPECT_THROW(Ledger::open(path_, half), LedgerError);
  EXPECT_NO_THROW(Ledger::open(path_, keys(2)));
}

TEST_F(LedgerTest, SecondHolderIsRefused) {
  Ledger ledger = create();
  EXPECT_THROW(Ledger::open(path_, keys(2)), LedgerError);
  const pid_t child = ::fork();
  if (child == 0) {
    int code = 0;
    try {
      Ledger second = Ledger::open(path_, keys(2));
    } catch (const LedgerError& error) {
      code = static_cast<int>(error.code());
    }
    ::_exit(code);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 78);
  EXPECT_NO_THROW(read_ledger(path_)) << "reading needs no lock";
}

TEST_F(LedgerTest, LockIsReleasedWithTheObject) {
  { Ledger ledger = create(); }
  { Ledger ledger = Ledger::open(path_, keys(2)); }
  Ledger first = Ledger::open(path_, keys(3));
  Ledger moved = std::move(first);
  EXPECT_THROW(Ledger::open(path_, keys(4)), LedgerError);
}

TEST_F(LedgerTest, ExistingAndMissingFilesAreRefused) {
  EXPECT_THROW(Ledger::open(path_, keys(1)), LedgerError);
  EXPECT_THROW(read_ledger(path_), LedgerError);
  {
    Ledger ledger = create();
    EXPECT_THROW(create(), LedgerError) << "held";
    charge(ledger, 1);
  }
  EXPECT_THROW(create(), LedgerError) << "charged";
  EXPECT_THROW(Ledger::create(folder_.path() / "absent" / "ledger.jsonl", header(), keys(1)), IoError);
}

// A program whose model was refused is mended and started again.
TEST_F(LedgerTest, UnchargedLedgerIsReplaced) {
  create();
  const std::string run = read_ledger(path_).header.run;
  create();
  EXPECT_NE(read_ledger(path_).header.run, run);
  replace_content(path_, "not a ledger\n");
  EXPECT_THROW(create(), LedgerError);
  EXPECT_EQ(content_of(path_), "not a ledger\n");
}

TEST_F(LedgerTest, FullDiskIsAnErrorAndChargesNothingFurther) {
  Ledger ledger = create();
  charge(ledger, 2);
  fill_the_disk_under(path_);
  EXPECT_THROW(charge(ledger, 1), IoError);
  EXPECT_THROW(charge(ledger, 1), LedgerError) << "no charge after a failed one";
  EXPECT_EQ(steps_in(ledger.spent()), 2);
}

TEST_F(LedgerTest, ChargeOnItsWayCountsAndIsCompletedByReserve) {
  Ledger ledger = create();
  charge(ledger, 2);
  ledger.begin_reserve(2, kEvent, 0.3, keys(1).noise_key);
  EXPECT_TRUE(ledger.charging());
  EXPECT_EQ(ledger.next_step(), 2);
  EXPECT_EQ(steps_in(ledger.spent()), 3);
  EXPECT_EQ(steps_in(read_ledger(path_).spent), 3);
  ledger.begin_reserve(2, kEvent, 0.3, keys(1).noise_key);  // once more says the same
  ledger.reserve(2, kEvent, 0.3, keys(1).noise_key);
  EXPECT_FALSE(ledger.charging());
  EXPECT_EQ(ledger.next_step(), 3);
  EXPECT_EQ(steps_in(ledger.spent()), 3);
  EXPECT_EQ(steps_in(read_ledger(path_).spent), 3);
  EXPECT_EQ(read_ledger(path_).head_hash, ledger.head_hash());
}

TEST_F(LedgerTest, ChargeOnItsWayServesNoOtherRelease) {
  Ledger ledger = create();
  ledger.begin_reserve(0, kEvent, 0.3, keys(1).noise_key);
  EXPECT_THROW(ledger.reserve(1, kEvent, 0.3, keys(1).noise_key), LedgerError);
  EXPECT_THROW(ledger.reserve(0, kOther, 0.3, keys(1).noise_key), LedgerError);
  EXPECT_THROW(ledger.reserve(0, kEvent, 0.4, keys(1).noise_key), LedgerError);
  EXPECT_THROW(ledger.reserve(0, kEvent, 0.3, keys(2).noise_key), LedgerError);
  ledger.reserve(0, kEvent, 0.3, keys(1).noise_key);
  EXPECT_EQ(steps_in(read_ledger(path_).spent), 1);
}

// What was begun stays charged when the program ends before it is used.
TEST_F(LedgerTest, ChargeOnItsWaySurvivesItsLedger) {
  {
    Ledger ledger = create();
    ledger.begin_reserve(0, kEvent, 0.3, keys(1).noise_key);
    const Ledger moved = std::move(ledger);
    EXPECT_TRUE(moved.charging());
  }
  EXPECT_EQ(steps_in(Ledger::open(path_, keys(2)).spent()), 1);
}

TEST_F(LedgerTest, ChargeThatCannotBeWrittenIsRefusedWhenItBegins) {
  Ledger ledger = create();
  fill_the_disk_under(path_);
  EXPECT_THROW(ledger.begin_reserve(0, kEvent, 0.3, keys(1).noise_key), IoError);
  EXPECT_THROW(ledger.reserve(0, kEvent, 0.3, keys(1).noise_key), LedgerError);
  EXPECT_TRUE(ledger.spent().empty());
}

// A flush that fails is found when reserve() waits for it: nothing may be drawn, then or later.
TEST_F(LedgerTest, ChargeThatIsNotFlushedIsRefused) {
  Ledger ledger = create();
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);  // takes what is written and cannot be flushed
  put_under(path_, ends[1]);
  ledger.begin_reserve(0, kEvent, 0.3, keys(1).noise_key);
  EXPECT_THROW(ledger.reserve(0, kEvent, 0.3, keys(1).noise_key), IoError);
  EXPECT_THROW(ledger.reserve(1, kEvent, 0.3, keys(1).noise_key), LedgerError);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(LedgerTest, StepsAreChargedOnce) {
  Ledger ledger = create();
  ledger.reserve(0, kEvent, 0.3, keys(1).noise_key);
  ledger.reserve(5, kEvent, 0.3, keys(1).noise_key);
  for (std::int64_t step : {std::int64_t{5}, std::int64_t{4}, std::int64_t{0}, std::int64_t{-1}, kMaxCount + 1})
    EXPECT_THROW(ledger.reserve(step, kEvent, 0.3, keys(1).noise_key), LedgerError) << step;
  EXPECT_EQ(steps_in(ledger.spent()), 2);
  EXPECT_EQ(ledger.next_step(), 6);
}

TEST_F(LedgerTest, ReserveWithAKeyThatWasNotAnnouncedIsRefused) {
  Ledger ledger = create();
  EXPECT_THROW(ledger.reserve(0, kEvent, 0.3, keys(2).noise_key), LedgerError);
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
