#pragma once
// Ctrl-C, SIGTERM and SIGHUP as a question that a loop asks between steps. A second signal ends the process at once:
// the ledger is written ahead, so that no charge is lost.

#include <sotto/privacy/error.h>

#include <array>
#include <csignal>
#include <optional>

namespace sotto::tools {

// Handles them while it lives, except those that were ignored, as nohup does; then they are handled as before.
class CaughtSignals {
 public:
  explicit CaughtSignals(void (*handler)(int));
  ~CaughtSignals();
  CaughtSignals(const CaughtSignals&) = delete;
  CaughtSignals& operator=(const CaughtSignals&) = delete;

 private:
  std::array<struct sigaction, 3> before_ = {};
};

// Catches them while it lives. One at a time, and not beside LastWords.
class StopSignal {
 public:
  StopSignal();

  // ExitCode::interrupted or ExitCode::terminated once a signal came.
  std::optional<ExitCode> requested() const;

 private:
  CaughtSignals caught_;
};

// While it lives, these signals write `text`, which must outlive it, to the standard error before they end the process.
class LastWords {
 public:
  explicit LastWords(const char* text);

 private:
  CaughtSignals caught_;
};

}  // namespace sotto::tools
