#pragma once
// Ctrl-C, SIGTERM and SIGHUP as a question that a loop asks between steps. A second signal ends the process at once:
// the ledger is written ahead, so that no charge is lost.

#include <sotto/privacy/error.h>

#include <csignal>
#include <optional>

namespace sotto::tools {

// Catches them while it lives. One at a time, and not beside LastWords.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // ExitCode::interrupted or ExitCode::terminated once a signal came.
  std::optional<ExitCode> requested() const;

 private:
  struct sigaction previous_interrupt_ {};
  struct sigaction previous_terminate_ {};
  struct sigaction previous_hang_up_ {};
};

// While it lives, these signals write `text`, which must outlive it, to the standard error before they end the process.
class LastWords {
 public:
  explicit LastWords(const char* text);
  ~LastWords();
  LastWords(const LastWords&) = delete;
  LastWords& operator=(const LastWords&) = delete;
};

}  // namespace sotto::tools
