#pragma once
// Memory of a CUDA device, as LibTorch's allocator counts it.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

namespace sotto::benchmarks {

// Most bytes of tensors that were held at once while `work` ran, above those before it.
int64_t device_peak_bytes(at::Device device, const std::function<void()>& work);

}  // namespace sotto::benchmarks
