// The Gaussian kernel of gaussian_noise_lanes.h for AVX2.
#define SOTTO_LANE_BYTES 32
#include <sotto/kernels/gaussian_noise_lanes.h>

namespace sotto::kernels::detail {

extern const NoiseKernels noise_kernels_avx2;
constinit const NoiseKernels noise_kernels_avx2 = noise_kernels("avx2");

}  // namespace sotto::kernels::detail
