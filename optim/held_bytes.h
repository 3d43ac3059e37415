#pragma once
// How much memory this thread took through LibTorch's allocators and did not give back, of processor and devices
// together. A backward pass on a device, which runs in a thread of the engine, counts for the thread that asked for it.

#include <cstdint>
#include <memory>

namespace sotto::optim {

// Counts while it lives, in this thread; inside another one both count. LibTorch has one place for such a counter:
// while a profiler sits there, nothing is counted and bytes() is 0. No profiler may be started or ended while one
// lives.
class HeldBytes {
 public:
  HeldBytes();
  ~HeldBytes();
  HeldBytes(const HeldBytes&) = delete;
  HeldBytes& operator=(const HeldBytes&) = delete;

  bool counts() const { return counter_ != nullptr; }  // false: under a profiler
  int64_t bytes() const;
  int64_t most_bytes() const;  // at any time so far
  // bytes() of the innermost one that counts in this thread now; 0 without one.
  static int64_t counted();

 private:
  struct Counter;
  std::shared_ptr<Counter> counter_;
  struct Guard;
  std::unique_ptr<Guard> guard_;
};

}  // namespace sotto::optim
