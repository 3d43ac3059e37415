#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/ledger_time.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

namespace sotto::privacy {
namespace {

thread_local const FixedLedgerTime* youngest = nullptr;

}  // namespace

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> text;
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

bool is_utc_time(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00Z";
  return text.size() == kForm.size() && std::equal(text.begin(), text.end(), kForm.begin(), [](char c, char form) {
           return form == '0' ? c >= '0' && c <= '9' : c == form;
         });
}

std::time_t seconds_of(std::string_view time) {
  const auto number = [&](std::size_t place, std::size_t digits) {
    int value = 0;
    std::from_chars(time.data() + place, time.data() + place + digits, value);
    return value;
  };
  if (is_utc_time(time)) {
    const std::chrono::year_month_day day(std::chrono::year(number(0, 4)),
                                          std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                          std::chrono::day(static_cast<unsigned>(number(8, 2))));
    const int hours = number(11, 2), minutes = number(14, 2), seconds = number(17, 2);
    if (day.ok() && hours < 24 && minutes < 60 && seconds <= 60)
      return std::chrono::sys_days(day).time_since_epoch() / std::chrono::seconds(1) +
             ((hours * 60 + minutes) * 60 + seconds);
  }
  throw UsageError(fmt::format("[seconds_of] bad time: '{}'; must be as 2026-01-31T23:59:59Z", time));
}

FixedLedgerTime::FixedLedgerTime(std::string time) : time_(std::move(time)), before_(youngest) {
  if (!is_utc_time(time_))
    throw UsageError(fmt::format("[FixedLedgerTime] bad time: '{}'; must be as 2026-01-31T23:59:59Z", time_));
  youngest = this;
}

FixedLedgerTime::~FixedLedgerTime() {
  youngest = before_;
}

std::optional<std::string> FixedLedgerTime::now() {
  if (youngest == nullptr) return std::nullopt;
  return youngest->time_;
}

}  // namespace sotto::privacy
