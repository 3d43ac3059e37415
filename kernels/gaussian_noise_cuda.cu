// Compile without contraction into multiply-adds (nvcc -fmad=false): the bits are those of the processor's twin.
// f64: add_noise

#include <sotto/kernels/gaussian_noise.h>

#include <sotto/kernels/gaussian_noise_device.cuh>

namespace sotto::kernels::cuda {
namespace {

template <class T>
__global__ void __launch_bounds__(1024) add_noise(NoiseKey key, DeviceNoiseCounter counter, std::uint64_t first,
                                                  std::uint64_t count, double stddev, T* out) {
  for_noise<T>(key, __ldg(counter.step), counter.tensor, first, count, stddev,
               [out](std::uint64_t at, T drawn) { out[at] += drawn; });
}

template <class T>
void launch_noise(std::span<const std::uint32_t, 8> key, DeviceNoiseCounter counter, std::uint64_t first,
                  std::size_t count, double stddev, T* out, Stream stream, unsigned block) {
  detail::check_noise(first, count, stddev);
  if (count == 0) return;
  launch(add_noise<T>, {.grid = blocks_for_noise(count, block), .block = dim3(block)}, stream, noise_key(key), counter,
         first, count, stddev, out);
}

}  // namespace

void add_gaussian_noise(std::span<const std::uint32_t, 8> key, DeviceNoiseCounter counter, std::uint64_t first,
                        std::size_t count, double stddev, float* out, Stream stream, unsigned block) {
  launch_noise(key, counter, first, count, stddev, out, stream, block);
}
void add_gaussian_noise(std::span<const std::uint32_t, 8> key, DeviceNoiseCounter counter, std::uint64_t first,
                        std::size_t count, double stddev, double* out, Stream stream, unsigned block) {
  launch_noise(key, counter, first, count, stddev, out, stream, block);
}

}  // namespace sotto::kernels::cuda
