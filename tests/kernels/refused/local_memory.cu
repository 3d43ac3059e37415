// An array with an index that is known at run time only lives in local memory.
// Refused: bytes of stack

#include <cuda_runtime.h>

__global__ void indexed(const int* index, float* to) {
  float value[32];
  for (int i = 0; i < 32; ++i) value[i] = to[i];
  value[index[0] & 31] = 1.0F;
  for (int i = 0; i < 32; ++i) to[i] += value[index[i] & 31];
}
