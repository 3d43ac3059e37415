// The permission outlived its reason.
// f64: scaled
// Refused: names scaled, which does not compute in double

#include <cuda_runtime.h>

__global__ void scaled(float* values) {
  values[threadIdx.x] = values[threadIdx.x] * 0.1F;
}
