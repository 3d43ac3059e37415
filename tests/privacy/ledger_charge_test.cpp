// Charges: in the file before they count, one after the other, and none after one that failed.

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <system_error>
#include <utility>

#include "ledger_fixture.h"

namespace sotto::privacy {
namespace {

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

TEST_F(LedgerTest, ReserveIsInTheFileWhenItReturns) {
  Ledger ledger = create();
  for (int step = 0; step < 5; ++step) {
    charge(ledger, 1);
    EXPECT_EQ(steps_in(read_ledger(path_).spent), step + 1);
  }
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

}  // namespace
}  // namespace sotto::privacy
