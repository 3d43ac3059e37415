#pragma once
// Ctrl-C and SIGTERM as a question that a loop asks between steps. A second signal ends the process at once: the ledger
// is written ahead, so that no charge is lost.

#include <sotto/privacy/error.h>

#include <csignal>
#include <optional>

namespace sotto::tools {

// Catches SIGINT and SIGTERM while it lives. One at a time.
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

}  // namespace sotto::tools
