#include <sotto/tools/stop_signal.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

namespace sotto::tools {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};

volatile std::sig_atomic_t received = 0;

void note(int signal) {
  received = signal;
}

std::atomic<const char*> last_words = nullptr;
static_assert(std::atomic<const char*>::is_always_lock_free);

// The signal is blocked until this returns, and then does what it does without a handler.
void say_and_end(int signal) {
  const char* const words = last_words;
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, words, std::strlen(words));
  ::raise(signal);
}

}  // namespace

CaughtSignals::CaughtSignals(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], nullptr, &before_[i]);
    if (before_[i].sa_handler != SIG_IGN) sigaction(kSignals[i], &action, nullptr);
  }
}

CaughtSignals::~CaughtSignals() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
}

LastWords::LastWords(const char* text) : caught_((last_words = text, &say_and_end)) {}

StopSignal::StopSignal() : caught_((received = 0, &note)) {}

std::optional<ExitCode> StopSignal::requested() const {
  if (received == SIGINT) return ExitCode::interrupted;
  if (received == SIGTERM || received == SIGHUP) return ExitCode::terminated;
  return std::nullopt;
}

}  // namespace sotto::tools
