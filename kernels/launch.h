#pragma once
// How every kernel of the project is launched: one spelling for nvcc and for the executor that runs the same source on
// the processor (kernels/sim). The only place that tells the two apart.
//
//   launch(kernel, {.grid = dim3(rows), .block = dim3(256), .shared_bytes = 0}, stream, arguments...)

#if defined(__CUDACC__)
#include <cuda_runtime.h>
#else
#include <sotto/kernels/sim/cuda_builtins.h>
#endif
#include <sotto/kernels/device_error.h>

#include <cstddef>
#include <stdexcept>
#include <string>

namespace sotto::kernels {

struct LaunchShape {
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;  // of dynamic shared memory, 0 to 48 KiB less what is static
};

// Throws std::invalid_argument unless every supported device takes the shape: a block of 1 to 1024 threads, a multiple
// of 32, and of at most 1024 x 1024 x 64; a grid of 1 to 2^31 - 1 blocks along x, to 65535 along y and z; at most 48
// KiB of shared memory.
inline void check(const LaunchShape& shape) {
  const auto within = [](unsigned value, unsigned most) { return value >= 1 && value <= most; };
  const std::size_t threads = static_cast<std::size_t>(shape.block.x) * shape.block.y * shape.block.z;
  const auto text = [](dim3 d) {
    return std::to_string(d.x) + " x " + std::to_string(d.y) + " x " + std::to_string(d.z);
  };
  if (!within(shape.block.x, 1024) || !within(shape.block.y, 1024) || !within(shape.block.z, 64) || threads > 1024 ||
      threads % 32 != 0)
    throw std::invalid_argument("[launch] block: " + text(shape.block) +
                                " threads; must be 32 to 1024 in all, a multiple of 32, and at most 64 along z");
  if (!within(shape.grid.x, 0x7fffffff) || !within(shape.grid.y, 65535) || !within(shape.grid.z, 65535))
    throw std::invalid_argument("[launch] grid: " + text(shape.grid) +
                                " blocks; must be 1 to 2147483647 along x and 1 to 65535 along y and z");
  if (shape.shared_bytes > 48 * 1024)
    throw std::invalid_argument("[launch] dynamic shared memory: " + std::to_string(shape.shared_bytes) +
                                " bytes; must be at most 49152");
}

// Blocks for a kernel whose threads stride over `elements` > 0 by the size of the grid.
inline dim3 blocks_for(std::size_t elements, unsigned block) {
  constexpr std::size_t kMost = 1U << 20U;
  const std::size_t needed = block == 0 ? 1 : (elements + block - 1) / block;
  return dim3(static_cast<unsigned>(needed < kMost ? needed : kMost));
}

// Throws std::invalid_argument for the shape, and DeviceError when the device refuses the launch.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), const LaunchShape& shape, cudaStream_t stream, Arguments... arguments) {
  check(shape);
#if defined(__CUDACC__)
  kernel<<<shape.grid, shape.block, shape.shared_bytes, stream>>>(static_cast<Parameters>(arguments)...);
  if (const cudaError_t error = cudaPeekAtLastError(); error != cudaSuccess)
    throw DeviceError(std::string("[launch] the device refused the kernel: ") + cudaGetErrorString(error));
#else
  static_cast<void>(stream);
  sim::run_grid(shape.grid, shape.block, shape.shared_bytes, [&] { kernel(static_cast<Parameters>(arguments)...); });
#endif
}

// The block's dynamic shared memory as `count` elements. The same for every type: one array per kernel.
template <class T>
__device__ T* dynamic_shared([[maybe_unused]] std::size_t count) {
#if defined(__CUDACC__)
  extern __shared__ __align__(16) unsigned char sotto_dynamic_shared[];
  return reinterpret_cast<T*>(sotto_dynamic_shared);
#else
  return static_cast<T*>(sim::Block::now().dynamic_shared(count * sizeof(T)));
#endif
}

}  // namespace sotto::kernels
