// Compile without contraction into multiply-adds (nvcc -fmad=false): the bits are those of the processor's twin.
// f64: add_noise

#include <sotto/kernels/gaussian_noise.h>
#include <sotto/kernels/gaussian_transform.h>
#include <sotto/kernels/launch.h>

#include <algorithm>

namespace sotto::kernels::cuda {
namespace {

struct Key {
  std::uint32_t word[8];
};

// One block of the stream per thread: its eight elements, of which those in [first, first + count) are written.
template <class T>
__global__ void __launch_bounds__(1024)
    add_noise(Key key, DeviceNoiseCounter counter, std::uint64_t first, std::uint64_t count, double stddev, T* out) {
  const std::uint64_t begin = first / kNormalsPerBlock;
  const std::uint64_t blocks = (first + count - 1) / kNormalsPerBlock - begin + 1;
  const std::uint64_t stride = static_cast<std::uint64_t>(gridDim.x) * blockDim.x;
  for (std::uint64_t b = static_cast<std::uint64_t>(blockIdx.x) * blockDim.x + threadIdx.x; b < blocks; b += stride) {
    const std::uint64_t number = begin + b;
    const std::uint32_t words[4] = {static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(number >> 32),
                                    counter.tensor, __ldg(counter.step)};
    const Normals normals = normals_of(chacha20_block(key.word, words), stddev);
    // Of the first block those before `first` wrap around and are not below `count`.
    const std::uint64_t offset = number * kNormalsPerBlock - first;
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
    for (int i = 0; i < kNormalsPerBlock; ++i) {
      const std::uint64_t at = offset + static_cast<std::uint64_t>(i);
      if (at < count) out[at] += static_cast<T>(normals.value[i]);
    }
  }
}

template <class T>
void launch_noise(std::span<const std::uint32_t, 8> key, DeviceNoiseCounter counter, std::uint64_t first,
                  std::size_t count, double stddev, T* out, Stream stream, unsigned block) {
  detail::check_noise(first, count, stddev);
  if (count == 0) return;
  Key words;
  std::copy(key.begin(), key.end(), words.word);
  launch(add_noise<T>, {.grid = blocks_for(count / kNormalsPerBlock + 2, block), .block = dim3(block)}, stream, words,
         counter, first, count, stddev, out);
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
