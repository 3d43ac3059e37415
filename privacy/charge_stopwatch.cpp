#include <sotto/privacy/charge_stopwatch.h>

#include <chrono>

namespace sotto::privacy {
namespace {

thread_local ChargeStopwatch* youngest_stopwatch = nullptr;

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

ChargeStopwatch::ChargeStopwatch() : before_(youngest_stopwatch) {
  youngest_stopwatch = this;
}

ChargeStopwatch::~ChargeStopwatch() {
  youngest_stopwatch = before_;
}

ChargeStopwatch::Lap::Lap(double ChargeTime::*part)
    : part_(part), begin_(youngest_stopwatch == nullptr ? 0 : steady_seconds()) {}

void ChargeStopwatch::Lap::stop() const {
  if (youngest_stopwatch != nullptr) youngest_stopwatch->time_.*part_ += steady_seconds() - begin_;
}

}  // namespace sotto::privacy
