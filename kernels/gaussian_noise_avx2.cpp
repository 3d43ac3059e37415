// The Gaussian kernel of gaussian_noise_lanes.h for AVX2.
#define SOTTO_LANE_BYTES 32
#include <sotto/kernels/gaussian_noise_lanes.h>

namespace sotto::kernels::detail {

extern const GaussianNoiseKernel gaussian_noise_avx2;
const GaussianNoiseKernel gaussian_noise_avx2{"avx2", add_noise<float>, add_noise<double>};

}  // namespace sotto::kernels::detail
