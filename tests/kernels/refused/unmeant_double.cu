// A constant without its F makes the whole product double.
// Refused: scaled computes in double and no line '// f64:' names it

#include <cuda_runtime.h>

__global__ void scaled(float* values) {
  values[threadIdx.x] = static_cast<float>(values[threadIdx.x] * 0.1);
}
