#include <c10/core/CPUAllocator.h>
#include <malloc.h>
#include <sotto/benchmarks/counting_allocator.h>

#include <atomic>
#include <limits>

namespace sotto::benchmarks {
namespace {

struct Counter {
  std::atomic<int64_t> held{0};
  std::atomic<int64_t> peak{0};
  std::atomic<int64_t> part_peak{0};

  void add(int64_t bytes) {
    const int64_t now = held.fetch_add(bytes) + bytes;
    raise(peak, now);
    raise(part_peak, now);
  }
  static void raise(std::atomic<int64_t>& peak, int64_t now) {
    int64_t seen = peak.load();
    while (now > seen && !peak.compare_exchange_weak(seen, now)) {
    }
  }
};

Counter& counter() {
  static Counter instance;
  return instance;
}

void release(void* memory);

// LibTorch's raw interface needs a context that equals the data, so sizes come from the C library.
class Counting final : public c10::Allocator {
 public:
  explicit Counting(c10::Allocator* inner) : inner_(inner) {}

  c10::DataPtr allocate(size_t bytes) override {
    void* memory = inner_->raw_allocate(bytes);
    counter().add(static_cast<int64_t>(::malloc_usable_size(memory)));
    return {memory, memory, &release, c10::DeviceType::CPU};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* destination, const void* source, std::size_t count) const override {
    inner_->copy_data(destination, source, count);
  }
  c10::Allocator* inner() const { return inner_; }

 private:
  c10::Allocator* inner_;
};

Counting& counting() {
  static Counting instance(c10::GetCPUAllocator());
  return instance;
}

void release(void* memory) {
  counter().add(-static_cast<int64_t>(::malloc_usable_size(memory)));
  counting().inner()->raw_deallocate(memory);
}

constexpr uint8_t kPriority = std::numeric_limits<uint8_t>::max();

}  // namespace

CountingAllocator::CountingAllocator() : previous_(c10::GetCPUAllocator()) {
  Counting& instance = counting();
  base_ = counter().held.load();
  counter().peak = base_;
  counter().part_peak = base_;
  c10::SetCPUAllocator(&instance, kPriority);
}

CountingAllocator::~CountingAllocator() {
  c10::SetCPUAllocator(previous_, kPriority);
}

int64_t CountingAllocator::peak_bytes() const {
  return counter().peak.load() - base_;
}

int64_t CountingAllocator::take_part_peak_bytes() {
  return counter().part_peak.exchange(counter().held.load()) - base_;
}

}  // namespace sotto::benchmarks
