#pragma once
// The time that ledgers write of a start, where it is not that of the clock.
//
// Of several runs of which one is released (private_selection.h) a true time would tell how many came before it: all of
// them write the time at which the selection was planned. Nothing else uses it: a start is told from another by its
// keys.

#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace sotto::privacy {

// The time of the clock as ledgers state it, UTC: "2026-01-31T23:59:59Z".
std::string utc_now();
// Digits wherever that has them, and the same signs between them.
bool is_utc_time(std::string_view text);
// The seconds since 1970 until then. Throws UsageError for a text that is none, or no day of the calendar.
std::time_t seconds_of(std::string_view time);

// While it lives, ledgers that this thread creates or opens state `time`, "2026-01-31T23:59:59Z", for their starts.
class FixedLedgerTime {
 public:
  // Throws UsageError for a text of another form.
  explicit FixedLedgerTime(std::string time);
  ~FixedLedgerTime();
  FixedLedgerTime(const FixedLedgerTime&) = delete;
  FixedLedgerTime& operator=(const FixedLedgerTime&) = delete;

  // That of the youngest one of this thread.
  static std::optional<std::string> now();

 private:
  std::string time_;
  const FixedLedgerTime* before_;
};

}  // namespace sotto::privacy
