#include <gtest/gtest.h>
#include <sotto/privacy/charge_stopwatch.h>
#include <sotto/privacy/error.h>

#include <thread>

#include "ledger_fixture.h"

namespace sotto::privacy {
namespace {

void expect_same(const ChargeTime& a, const ChargeTime& b) {
  EXPECT_EQ(a.writing, b.writing);
  EXPECT_EQ(a.waiting, b.waiting);
}

TEST_F(LedgerTest, StopwatchAddsUpWhatChargesTakeAndNothingElse) {
  const ChargeStopwatch stopwatch;
  Ledger ledger = create();
  expect_same(stopwatch.time(), {});
  ledger.reserve(0, kEvent, 0.3, keys(1).noise_key);
  const ChargeTime first = stopwatch.time();
  EXPECT_GT(first.writing, 0);
  EXPECT_GT(first.waiting, 0);
  EXPECT_EQ(first.total(), first.writing + first.waiting);

  ledger.begin_reserve(1, kEvent, 0.3, keys(1).noise_key);
  const ChargeTime begun = stopwatch.time();
  EXPECT_GT(begun.writing, first.writing);
  EXPECT_EQ(begun.waiting, first.waiting) << "the device is not waited for yet";
  ledger.reserve(1, kEvent, 0.3, keys(1).noise_key);
  const ChargeTime second = stopwatch.time();
  EXPECT_EQ(second.writing, begun.writing) << "the record was written before";
  EXPECT_GT(second.waiting, begun.waiting);

  EXPECT_THROW(ledger.reserve(1, kEvent, 0.3, keys(1).noise_key), LedgerError);
  expect_same(stopwatch.time(), second);
}

TEST_F(LedgerTest, StopwatchIsThatOfItsThreadAndTheYoungest) {
  Ledger ledger = create();
  const ChargeStopwatch older;
  {
    const ChargeStopwatch younger;
    ledger.reserve(0, kEvent, 0.3, keys(1).noise_key);
    EXPECT_GT(younger.time().total(), 0);
    expect_same(older.time(), {});
  }
  std::thread([&] { ledger.reserve(1, kEvent, 0.3, keys(1).noise_key); }).join();
  expect_same(older.time(), {});
  ledger.reserve(2, kEvent, 0.3, keys(1).noise_key);
  EXPECT_GT(older.time().total(), 0);
}

}  // namespace
}  // namespace sotto::privacy
