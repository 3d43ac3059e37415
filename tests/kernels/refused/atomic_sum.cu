// A sum whose order the device chooses.
// Refused: total adds floating-point numbers by atomic operations

#include <cuda_runtime.h>

__global__ void total(const float* values, float* sum) {
  atomicAdd(sum, values[threadIdx.x]);
}
