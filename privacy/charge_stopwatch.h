#pragma once
// How long charging holds a program up, for measurements (benchmarks/step_benchmark.h). Ledgers keep no times of their
// own: nothing of them is in a run.

namespace sotto::privacy {

// Seconds of the steady clock.
struct ChargeTime {
  double writing = 0;  // records put together and handed to the system, and their flush begun on another thread
  double waiting = 0;  // for the device, or for what is left of a flush that was begun before

  double total() const { return writing + waiting; }
};

// While it lives, adds up what Ledger::begin_reserve() and Ledger::reserve() take of this thread; what they refuse or
// fail to write is left out. Of several on one thread the youngest measures.
class ChargeStopwatch {
 public:
  ChargeStopwatch();
  ~ChargeStopwatch();
  ChargeStopwatch(const ChargeStopwatch&) = delete;
  ChargeStopwatch& operator=(const ChargeStopwatch&) = delete;

  const ChargeTime& time() const { return time_; }

  // What the ledger measures itself with: the time from here to stop(), where a stopwatch lives on this thread.
  class Lap {
   public:
    explicit Lap(double ChargeTime::*part);
    void stop() const;

   private:
    double ChargeTime::*part_;
    double begin_;
  };

 private:
  ChargeTime time_;
  ChargeStopwatch* before_;
};

}  // namespace sotto::privacy
