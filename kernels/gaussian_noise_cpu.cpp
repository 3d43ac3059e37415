#include <sotto/kernels/gaussian_noise.h>
#include <sotto/kernels/instruction_sets.h>
#include <sotto/kernels/noise_kernels.h>

#include <vector>

#define SOTTO_LANE_BYTES 16
#include <sotto/kernels/gaussian_noise_lanes.h>

namespace sotto::kernels {
namespace detail {

#if defined(SOTTO_X86_64)
extern const NoiseKernels noise_kernels_avx2;
extern const NoiseKernels noise_kernels_avx512;
#endif

std::span<const NoiseKernels> supported_noise_kernels() {
#if defined(SOTTO_X86_64)
  static const std::vector<NoiseKernels> kernels =
      best_first(noise_kernels("baseline"), &noise_kernels_avx2, &noise_kernels_avx512);
#else
  static const std::vector<NoiseKernels> kernels = {noise_kernels("baseline")};
#endif
  return kernels;
}

}  // namespace detail

void add_gaussian_noise(std::span<const std::uint32_t, 8> key, NoiseCounter counter, std::uint64_t first,
                        std::size_t count, double stddev, float* out) {
  detail::check_noise(first, count, stddev);
  detail::supported_noise_kernels().front().add_float(key.data(), counter, first, count, stddev, out);
}

void add_gaussian_noise(std::span<const std::uint32_t, 8> key, NoiseCounter counter, std::uint64_t first,
                        std::size_t count, double stddev, double* out) {
  detail::check_noise(first, count, stddev);
  detail::supported_noise_kernels().front().add_double(key.data(), counter, first, count, stddev, out);
}

double missing_tail_mass() {
  return 0x1p-76;
}

const char* gaussian_noise_instruction_set() {
  return detail::supported_noise_kernels().front().name;
}

}  // namespace sotto::kernels
