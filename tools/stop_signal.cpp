#include <sotto/tools/stop_signal.h>
#include <unistd.h>

#include <cstring>

namespace sotto::tools {
namespace {

volatile std::sig_atomic_t received = 0;

void note(int signal) {
  received = signal;
}

const char* volatile last_words = nullptr;

// The signal is blocked until this returns, and then does what it does without a handler.
void say_and_end(int signal) {
  const char* const words = last_words;
  if (words != nullptr && ::write(STDERR_FILENO, words, std::strlen(words)) < 0) last_words = nullptr;
  ::raise(signal);
}

struct sigaction action_of(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  return action;
}

}  // namespace

LastWords::LastWords(const char* text) {
  last_words = text;
  const struct sigaction action = action_of(&say_and_end);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
}

LastWords::~LastWords() {
  const struct sigaction action = action_of(SIG_DFL);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
  last_words = nullptr;
}

StopSignal::StopSignal() {
  received = 0;
  const struct sigaction action = action_of(&note);
  sigaction(SIGINT, &action, &previous_interrupt_);
  sigaction(SIGTERM, &action, &previous_terminate_);
  sigaction(SIGHUP, &action, &previous_hang_up_);
}

StopSignal::~StopSignal() {
  sigaction(SIGINT, &previous_interrupt_, nullptr);
  sigaction(SIGTERM, &previous_terminate_, nullptr);
  sigaction(SIGHUP, &previous_hang_up_, nullptr);
}

std::optional<ExitCode> StopSignal::requested() const {
  if (received == SIGINT) return ExitCode::interrupted;
  if (received == SIGTERM || received == SIGHUP) return ExitCode::terminated;
  return std::nullopt;
}

}  // namespace sotto::tools
