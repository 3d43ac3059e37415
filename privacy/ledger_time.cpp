#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/ledger_time.h>

#include <string_view>
#include <utility>

namespace sotto::privacy {
namespace {

thread_local const FixedLedgerTime* youngest = nullptr;

bool has_form(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00Z";
  if (text.size() != kForm.size()) return false;
  for (std::size_t i = 0; i < kForm.size(); ++i)
    if (kForm[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != kForm[i]) return false;
  return true;
}

}  // namespace

FixedLedgerTime::FixedLedgerTime(std::string time) : time_(std::move(time)), before_(youngest) {
  if (!has_form(time_))
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
