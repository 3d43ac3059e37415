// A library of kernels of another release, for cuda_backend_test.

#include <sotto/kernels/cuda_backend.h>

extern "C" const sotto::kernels::CudaBackend* sotto_cuda_backend() {
  static const sotto::kernels::CudaBackend other_backend = [] {
    sotto::kernels::CudaBackend other{};
    other.interface = SOTTO_INTERFACE;
    other.bytes += SOTTO_MORE_BYTES;
    return other;
  }();
  return &other_backend;
}
