#pragma once
// What notices a fault: whatever guards, tries, audits or verifies a run, put to small networks and folders. Each says
// what it noticed, or nothing.

#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <string>

namespace sotto::testing {

using Notice = std::optional<std::string>;

// Refusals and errors while a run is set up, goes from its first to its last step and is resumed, and what must be
// refused: models, optimizers, plans, gradients; of a ledger: keys, damage, a disk that fails; of a checkpoint.
Notice training_guards();
Notice ledger_guards();
// Analysis, probe and comparison with autograd, of models that are sound and of models that leak.
Notice probes();
// Sampler, noise and replay on neighbours, of private training as a black box.
Notice audits();
// The verification of the folder of a run, engines that contradict each other, published figures.
Notice checks();

struct Detector {
  const char* name;
  Notice (*look)();
};
std::span<const Detector> detectors();  // guards first

// The first thing that is not as it must be ends a look.
struct Noticed {
  std::string what;
};
inline void demand(bool holds, const std::string& otherwise) {
  if (!holds) throw Noticed{otherwise};
}
// The text of the refusal.
template <class Error = std::exception>
std::string must_be_refused(const std::string& what, const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  throw Noticed{what + " was not refused"};
}
// Errors are noticed, too.
inline Notice noticed_by(const std::function<void()>& look) {
  try {
    look();
    return std::nullopt;
  } catch (const Noticed& noticed) {
    return noticed.what;
  } catch (const std::exception& error) {
    return error.what();
  }
}

// While it lives, every flush of a file fails, as of a disk that is broken.
class FailingFlushes {
 public:
  FailingFlushes();
  ~FailingFlushes();
  FailingFlushes(const FailingFlushes&) = delete;
  FailingFlushes& operator=(const FailingFlushes&) = delete;
};

}  // namespace sotto::testing
