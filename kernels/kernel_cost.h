#pragma once
// What a kernel for a device moves and computes, to compare with what the device can do: every launcher has a function
// ..._cost of its shape beside it.

#include <cstdint>

namespace sotto::kernels {

// Bytes of device memory, each counted once however often a cache serves it, and operations in floating point:
// additions, multiplications, divisions and square roots, in float or double as the kernel has them; conversions,
// comparisons and integers are not counted.
struct KernelCost {
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_written = 0;
  std::uint64_t flops = 0;
  friend constexpr bool operator==(const KernelCost&, const KernelCost&) = default;
};

}  // namespace sotto::kernels
