#pragma once
// Gaussian noise from a keyed counter: z(key, counter, element) is a pure function, so a draw does not depend on
// threads, batch splits, vector width or device.
//
// Stream. Element e is lane e % 8 of the ChaCha20 block with state words
//   12, 13  block index e / 8, low and high half      14  counter.tensor      15  counter.step
// Distinct (step, tensor, element / 8) are distinct blocks under one key: the layout is injective, nothing wraps around
// (element indices are below 2^64, block indices below 2^61). Never reuse a key for the same (step, tensor).
//
// Transform (Box and Muller 1958). Words 4p .. 4p+3 of a block give the lanes 2p and 2p+1, from two little-endian
// 64-bit integers X = words (4p, 4p+1) and Y = words (4p+2, 4p+3); all 128 bits are used:
//   radius  u = (X + (E + 1) / 2^11) / 2^64 in [2^-75, 1], E = bits 2..12 of Y;   r = sqrt(-2 ln u)
//   angle   a = (pi/2) (K / 2^51 - 1/2 + 2^-52) in (-pi/4, pi/4), K = bits 13..63 of Y; c = cos a, s = sin a
//           Y bit 1 negates c, then Y bit 0 swaps c and s: every one of the 2^53 angles equally often
//   lanes   2p: r c,  2p+1: r s
// computed in double, without fused multiply-add, so that all instruction sets give the same bits.
// Error against exact arithmetic: |z - z_exact| <= 4 * 2^-53 (r + 1/r), the second part because u is rounded to a
// double (tested against long double).
//
// What is not claimed: outputs are rounded floating-point numbers; attacks on the low-order bits (Mironov 2012) are out
// of scope of this kernel.

#include <sotto/kernels/kernel_cost.h>
#include <sotto/kernels/stream.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>

namespace sotto::kernels {

struct NoiseCounter {
  std::uint32_t step;
  std::uint32_t tensor;
};

// out[i] += stddev * z(key, counter, first + i) for i in [0, count). The product is taken in double and rounded once to
// the type of `out` before it is added. Any split of a range into calls or threads gives the same result; disjoint
// ranges may be filled concurrently. stddev must be finite and >= 0 and first + count must not exceed 2^64 - 1,
// otherwise std::invalid_argument and `out` is untouched.
void add_gaussian_noise(std::span<const std::uint32_t, 8> key, NoiseCounter counter, std::uint64_t first,
                        std::size_t count, double stddev, float* out);
void add_gaussian_noise(std::span<const std::uint32_t, 8> key, NoiseCounter counter, std::uint64_t first,
                        std::size_t count, double stddev, double* out);

// The same on a device, in order on `stream`; `out` and `step` are device memory. The step is read from there when the
// kernel runs, so that a captured graph that is run again draws anew once it was advanced. The same bits as above.
// std::invalid_argument also for a block that is not 32 to 1024 and a multiple of 32.
struct DeviceNoiseCounter {
  const std::uint32_t* step;
  std::uint32_t tensor;
};
namespace cuda {
void add_gaussian_noise(std::span<const std::uint32_t, 8> key, DeviceNoiseCounter counter, std::uint64_t first,
                        std::size_t count, double stddev, float* out, Stream stream, unsigned block = 256);
void add_gaussian_noise(std::span<const std::uint32_t, 8> key, DeviceNoiseCounter counter, std::uint64_t first,
                        std::size_t count, double stddev, double* out, Stream stream, unsigned block = 256);

// In double, for two normals: what nvcc emits for gaussian_transform.h. The 244 integer operations of a quarter of a
// block of ChaCha20 come on top.
inline constexpr std::uint64_t kFlopsPerTwoNormals = 59;

template <class T>
constexpr KernelCost add_gaussian_noise_cost(std::uint64_t count) {
  return {count * sizeof(T), count * sizeof(T), (count + 1) / 2 * kFlopsPerTwoNormals + count};
}
}  // namespace cuda

// Probability per draw of the part of the Gaussian that the transform cannot produce: 2^-76.
// The smallest u is 2^-75, so a pair of draws never lies outside the disc of radius r_max = sqrt(2 * 75 ln 2) = 10.197.
// For an exact pair, P(radius > r_max) = exp(-r_max^2 / 2) = 2^-75; couple the two by mapping u to the upper end of its
// cell: they differ by more than the resolution of the cells only on that event. A union over the ceil(n/2) pairs of n
// draws gives n * 2^-76 (n even); the marginal tail erfc(r_max / sqrt 2) alone would miss the corners outside the disc.
// The mechanism adds this figure times parameters times steps to delta, or checks that it is negligible.
double missing_tail_mass();

// The instruction set chosen at run time for this machine: "avx512", "avx2" or "baseline".
const char* gaussian_noise_instruction_set();

namespace detail {
// Throws what add_gaussian_noise does for its arguments.
inline void check_noise(std::uint64_t first, std::size_t count, double stddev) {
  if (!std::isfinite(stddev) || stddev < 0)
    throw std::invalid_argument("[add_gaussian_noise] stddev: " + std::to_string(stddev) +
                                "; must be finite and at least 0");
  if (count > std::numeric_limits<std::uint64_t>::max() - first)
    throw std::invalid_argument("[add_gaussian_noise] range of elements: " + std::to_string(first) + " + " +
                                std::to_string(count) + "; must end below 2^64");
}

}  // namespace detail

}  // namespace sotto::kernels
