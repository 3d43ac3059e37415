// The Gaussian kernel of gaussian_noise_lanes.h for AVX-512.
#define SOTTO_LANE_BYTES 64
#include <sotto/kernels/gaussian_noise_lanes.h>

namespace sotto::kernels::detail {

extern const NoiseKernels noise_kernels_avx512;
constinit const NoiseKernels noise_kernels_avx512 = noise_kernels("avx512");

}  // namespace sotto::kernels::detail
