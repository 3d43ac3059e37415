// The library of cuda_backend.h whose device is the executor on the processor, so that programs for a device can be
// tried where there is none.

#include <sotto/kernels/cuda_launchers.h>

#include <cstdlib>
#include <cstring>

namespace sotto::kernels {
namespace {

void use_device(int index) {
  if (index != 0) throw DeviceError("[cuda] device " + std::to_string(index) + " is not there; must be 0 to 0");
}

constexpr CudaBackend kBackend = with_launchers({
    .device_count = [] { return 1; },
    .use_device = use_device,
    .device_name = [](int) -> std::string { return "no device: the kernels executed on the processor"; },
    .allocate = [](std::size_t bytes) { return bytes == 0 ? nullptr : std::malloc(bytes); },
    .release = [](void* memory) noexcept { std::free(memory); },
    .copy =
        [](void* to, const void* from, std::size_t bytes, Stream) {
          if (bytes > 0) std::memcpy(to, from, bytes);
        },
    .make_stream = []() -> Stream { return nullptr; },
    .end_stream = [](Stream) noexcept {},
    .synchronize = [](Stream) {},
});

}  // namespace
}  // namespace sotto::kernels

extern "C" const sotto::kernels::CudaBackend* sotto_cuda_backend() {
  return &sotto::kernels::kBackend;
}
