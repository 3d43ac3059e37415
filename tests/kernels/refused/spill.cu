// A block of 1024 threads leaves each 64 registers; this kernel keeps 96 values at once.
// Refused: bytes of spill stores

#include <cuda_runtime.h>

__global__ void __launch_bounds__(1024) many_values(const float* from, float* to) {
  constexpr int kValues = 96;
  float value[kValues];
#pragma unroll
  for (int i = 0; i < kValues; ++i) value[i] = from[i * 1024 + threadIdx.x];
  __syncthreads();
#pragma unroll
  for (int round = 0; round < 3; ++round) {
#pragma unroll
    for (int i = 0; i < kValues; ++i) value[i] = value[i] * value[(i * 7 + 3) % kValues] + value[(i * 5 + 1) % kValues];
  }
#pragma unroll
  for (int i = 0; i < kValues; ++i) to[i * 1024 + threadIdx.x] = value[i];
}
