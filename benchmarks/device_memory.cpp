#include <c10/core/CachingDeviceAllocator.h>
#include <sotto/benchmarks/device_memory.h>

namespace sotto::benchmarks {

int64_t device_peak_bytes(at::Device device, const std::function<void()>& work) {
  c10::DeviceAllocator& allocator = *c10::getDeviceAllocator(device.type());
  const auto allocated = [&] {
    constexpr auto kAll = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    return allocator.getDeviceStats(device.index()).allocated_bytes[kAll];
  };
  allocator.resetPeakStats(device.index());
  const int64_t before = allocated().current;
  work();
  return allocated().peak - before;
}

}  // namespace sotto::benchmarks
