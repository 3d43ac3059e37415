#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <sotto/optim/held_bytes.h>

#include <algorithm>

namespace sotto::optim {

struct HeldBytes::Counter final : c10::MemoryReportingInfoBase {
  explicit Counter(Counter* counter_around) : around(counter_around) {}
  void reportMemoryUsage(void* memory, int64_t bytes, size_t allocated, size_t reserved, c10::Device device) override {
    if (around != nullptr) around->reportMemoryUsage(memory, bytes, allocated, reserved, device);
    held += bytes;
    most = std::max(most, held);
  }
  bool memoryProfilingEnabled() const override { return true; }
  Counter* around;  // lives longer
  int64_t held = 0;
  int64_t most = 0;
};

struct HeldBytes::Guard {
  explicit Guard(const std::shared_ptr<Counter>& counter) : guard(c10::DebugInfoKind::PROFILER_STATE, counter) {}
  c10::DebugInfoGuard guard;
};

HeldBytes::HeldBytes() {
  auto* const there = c10::ThreadLocalDebugInfo::get(c10::DebugInfoKind::PROFILER_STATE);
  auto* const around = dynamic_cast<Counter*>(there);
  if (there != nullptr && around == nullptr) return;
  counter_ = std::make_shared<Counter>(around);
  guard_ = std::make_unique<Guard>(counter_);
}

HeldBytes::~HeldBytes() = default;

// Memory that was taken before and is given back meanwhile is subtracted, too: never below 0.
int64_t HeldBytes::bytes() const {
  return counter_ ? std::max<int64_t>(0, counter_->held) : 0;
}

int64_t HeldBytes::counted() {
  const auto* counter =
      dynamic_cast<const Counter*>(c10::ThreadLocalDebugInfo::get(c10::DebugInfoKind::PROFILER_STATE));
  return counter != nullptr ? std::max<int64_t>(0, counter->held) : 0;
}

int64_t HeldBytes::most_bytes() const {
  return counter_ ? counter_->most : 0;
}

}  // namespace sotto::optim
