// The library of cuda_backend.h: its entries, and the only calls of CUDA's run time besides the launches themselves.

#include <cuda_runtime.h>
#include <sotto/kernels/cuda_launchers.h>

namespace sotto::kernels {
namespace {

constexpr int kOldestDevice = 80;  // 10 * major + minor of its compute capability

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

void check(cudaError_t error, const char* what) {
  if (error != cudaSuccess) throw DeviceError(std::string("[cuda] ") + what + ": " + cudaGetErrorString(error));
}

int device_count() {
  static const std::string remedy = "; install NVIDIA's driver for CUDA " + version_text(CUDART_VERSION) +
                                    " or newer, or run on the processor (--device cpu)";
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaErrorInsufficientDriver) {
    int driver = 0;
    if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0)
      throw DeviceError("[cuda] this machine has no NVIDIA driver" + remedy);
    throw DeviceError("[cuda] the NVIDIA driver of this machine is for CUDA " + version_text(driver) + remedy);
  }
  if (error == cudaErrorNoDevice || (error == cudaSuccess && count == 0))
    throw DeviceError("[cuda] this machine shows no CUDA device; see CUDA_VISIBLE_DEVICES, or run on the processor");
  check(error, "asking for devices");
  return count;
}

void use_device(int index) {
  const int count = device_count();
  if (index < 0 || index >= count)
    throw DeviceError("[cuda] device " + std::to_string(index) + " is not there; must be 0 to " +
                      std::to_string(count - 1));
  int major = 0, minor = 0;
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, index), "asking for the capability");
  check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, index), "asking for the capability");
  if (10 * major + minor < kOldestDevice)
    throw DeviceError("[cuda] device " + std::to_string(index) + " has compute capability " + std::to_string(major) +
                      "." + std::to_string(minor) + "; must be 8.0 or newer");
  check(cudaSetDevice(index), "choosing the device");
}

std::string device_name(int index) {
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, index), "asking for the name");
  return properties.name;
}

void* allocate(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  void* memory = nullptr;
  const std::string what = "taking " + std::to_string(bytes) + " bytes of device memory";
  check(cudaMalloc(&memory, bytes), what.c_str());
  return memory;
}

void release(void* memory) noexcept {
  cudaFree(memory);
}

void copy(void* to, const void* from, std::size_t bytes, Stream stream) {
  if (bytes > 0) check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream), "copying");
}

Stream make_stream() {
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
  return stream;
}

void end_stream(Stream stream) noexcept {
  cudaStreamDestroy(stream);
}

void synchronize(Stream stream) {
  check(cudaStreamSynchronize(stream), "waiting for a stream");
}

constexpr CudaBackend kBackend = with_launchers({
    .device_count = device_count,
    .use_device = use_device,
    .device_name = device_name,
    .allocate = allocate,
    .release = release,
    .copy = copy,
    .make_stream = make_stream,
    .end_stream = end_stream,
    .synchronize = synchronize,
});

}  // namespace
}  // namespace sotto::kernels

extern "C" __attribute__((visibility("default"))) const sotto::kernels::CudaBackend* sotto_cuda_backend() {
  return &sotto::kernels::kBackend;
}
