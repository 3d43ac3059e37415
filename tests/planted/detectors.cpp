#include "detectors.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>

namespace sotto::testing {
namespace {

std::atomic<bool> flushes_fail{false};

}  // namespace

FailingFlushes::FailingFlushes() {
  flushes_fail = true;
}
FailingFlushes::~FailingFlushes() {
  flushes_fail = false;
}

std::span<const Detector> detectors() {
  static constexpr std::array<Detector, 5> kAll = {Detector{"guard", training_guards}, Detector{"guard", ledger_guards},
                                                   Detector{"probe", probes}, Detector{"audit", audits},
                                                   Detector{"verify", checks}};
  return kAll;
}

}  // namespace sotto::testing

// Takes the place of the C library's for the whole program.
extern "C" int fdatasync(int file) {
  if (sotto::testing::flushes_fail) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fdatasync, file));
}
