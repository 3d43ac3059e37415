#pragma once
// The errors that every room of sotto throws, one type per exit code of the command line.
//
// Messages have the form "[function] what was wrong: value got; what is allowed", so that a user can act on the message
// alone. A broken invariant of sotto itself is not a user's error: it goes through SOTTO_ASSERT, which is active in
// every build type because LibTorch headers force NDEBUG.

#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)
#error "sotto must not be compiled with -ffast-math: it removes the NaN checks and the rounding that bounds rely on"
#endif

#include <stdexcept>
#include <string>

namespace sotto {

// Exit codes of the sotto program; also meaningful to job schedulers (74, 75, 130, 143 may be retried).
enum class ExitCode : int {
  done = 0,
  usage = 64,             // bad option, bad configuration, infeasible request
  bad_data = 65,          // input data unreadable or wrong, verification failed
  internal = 70,          // a bug in sotto
  io = 74,                // disk full, unreadable device
  peer = 75,              // another process or the transport failed
  protocol = 76,          // ranks disagree on protocol or layout
  ledger_refused = 78,    // ledger missing, corrupt, foreign or held by another process
  budget_exhausted = 79,  // the next step would exceed the privacy budget
  interrupted = 130,      // Ctrl-C; resumable
  terminated = 143,       // SIGTERM; resumable
};

class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

struct UsageError : Error {
  explicit UsageError(const std::string& message) : Error(ExitCode::usage, message) {}
};
struct DataError : Error {
  explicit DataError(const std::string& message) : Error(ExitCode::bad_data, message) {}
};
struct InternalError : Error {
  explicit InternalError(const std::string& message) : Error(ExitCode::internal, message) {}
};
struct IoError : Error {
  explicit IoError(const std::string& message) : Error(ExitCode::io, message) {}
};
struct LedgerError : Error {
  explicit LedgerError(const std::string& message) : Error(ExitCode::ledger_refused, message) {}
};
struct BudgetExhausted : Error {
  explicit BudgetExhausted(const std::string& message) : Error(ExitCode::budget_exhausted, message) {}
};

}  // namespace sotto

#define SOTTO_STRINGIFY_DETAIL(x) #x
#define SOTTO_STRINGIFY(x) SOTTO_STRINGIFY_DETAIL(x)
// Checks an invariant of sotto itself; throws InternalError naming the place.
#define SOTTO_ASSERT(condition)                                                                      \
  do {                                                                                               \
    if (!(condition))                                                                                \
      throw ::sotto::InternalError("[" __FILE__ ":" SOTTO_STRINGIFY(                                 \
          __LINE__) "] broken invariant: " #condition "; this is a bug in sotto, please report it"); \
  } while (false)
