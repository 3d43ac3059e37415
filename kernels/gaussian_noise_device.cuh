#pragma once
// The walk of a device over the stream of gaussian_noise.h, for every kernel that draws from it. Compile without
// contraction into multiply-adds (nvcc -fmad=false).

#include <sotto/kernels/gaussian_transform.h>
#include <sotto/kernels/launch.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace sotto::kernels {

struct NoiseKey {
  std::uint32_t word[8];
};

inline NoiseKey noise_key(std::span<const std::uint32_t, 8> key) {
  NoiseKey words{};
  for (std::size_t i = 0; i < key.size(); ++i) words.word[i] = key[i];
  return words;
}

// Blocks of threads for `count` > 0 elements: one thread draws the elements of a block of the stream.
inline dim3 blocks_for_noise(std::size_t count, unsigned block) {
  return blocks_for(count / kNormalsPerBlock + 2, block);
}

// Calls apply(i, drawn) for i in [0, count), count > 0, once over all threads of the grid: drawn is stddev z(key,
// (step, tensor), first + i), rounded to T.
template <class T, class Apply>
__device__ void for_noise(const NoiseKey& key, std::uint32_t step, std::uint32_t tensor, std::uint64_t first,
                          std::uint64_t count, double stddev, const Apply& apply) {
  const std::uint64_t begin = first / kNormalsPerBlock;
  const std::uint64_t blocks = (first + count - 1) / kNormalsPerBlock - begin + 1;
  const std::uint64_t stride = static_cast<std::uint64_t>(gridDim.x) * blockDim.x;
  for (std::uint64_t b = static_cast<std::uint64_t>(blockIdx.x) * blockDim.x + threadIdx.x; b < blocks; b += stride) {
    const std::uint64_t number = begin + b;
    const std::uint32_t words[4] = {static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(number >> 32),
                                    tensor, step};
    const Normals normals = normals_of(chacha20_block(key.word, words), stddev);
    // Of the first block those before `first` wrap around and are not below `count`.
    const std::uint64_t offset = number * kNormalsPerBlock - first;
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
    for (int i = 0; i < kNormalsPerBlock; ++i) {
      const std::uint64_t at = offset + static_cast<std::uint64_t>(i);
      if (at < count) apply(at, static_cast<T>(normals.value[i]));
    }
  }
}

}  // namespace sotto::kernels
