#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "detectors.h"

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

}  // namespace sotto::testing

// Takes the place of the C library's for the whole program.
extern "C" int fdatasync(int file) {
  if (sotto::testing::flushes_fail) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fdatasync, file));
}
