#pragma once
// Sums over a warp and over a block, in a fixed order: the same bits whatever order the threads run in.

#include <sotto/kernels/launch.h>

namespace sotto::kernels {

inline constexpr unsigned kWholeWarp = 0xffffffffU;
inline constexpr int kLanes = 32;

// The sum over the 32 lanes, in every lane. All of them must call it.
template <class T>
__device__ T warp_sum(T value) {
  for (int bits = kLanes / 2; bits > 0; bits /= 2) value += __shfl_xor_sync(kWholeWarp, value, bits);
  return value;
}

// The sum over a block of up to 1024 threads along x, in every thread. All of them must call it; `partial` is shared
// memory of 32 elements, free again when it returns.
template <class T>
__device__ T block_sum(T value, T* partial) {
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  const int warp = static_cast<int>(threadIdx.x) / kLanes;
  const int warps = static_cast<int>(blockDim.x) / kLanes;
  value = warp_sum(value);
  if (lane == 0) partial[warp] = value;
  __syncthreads();
  value = warp_sum(lane < warps ? partial[lane] : T{0});
  __syncthreads();
  return value;
}

}  // namespace sotto::kernels
