// Who may begin a ledger or go on with it: the time, the keys and the lock of a start.

#include <sotto/privacy/ledger_text.h>
#include <sotto/privacy/ledger_time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include "ledger_fixture.h"

namespace sotto::privacy {
namespace {

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

TEST(LedgerTime, SecondsAreThoseOfTheCalendar) {
  EXPECT_EQ(seconds_of("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(seconds_of("2000-02-29T12:34:56Z"), 951827696);  // date -u -d 2000-02-29T12:34:56Z +%s
  EXPECT_EQ(seconds_of("2026-11-28T00:00:00Z"), 1795824000);
  for (const char* bad : {"2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31"})
    EXPECT_THROW(static_cast<void>(seconds_of(bad)), UsageError) << bad;
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

}  // namespace
}  // namespace sotto::privacy
