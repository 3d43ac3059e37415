// The Gaussian kernel of gaussian_noise_lanes.h for AVX-512.
#define SOTTO_LANE_BYTES 64
#include <sotto/kernels/gaussian_noise_lanes.h>

namespace sotto::kernels::detail {

extern const GaussianNoiseKernel gaussian_noise_avx512;
const GaussianNoiseKernel gaussian_noise_avx512{"avx512", add_noise<float>, add_noise<double>};

}  // namespace sotto::kernels::detail
