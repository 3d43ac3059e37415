// The Gram kernel of gram_norms_lanes.h for AVX-512.
#define SOTTO_LANE_BYTES 64
#include <sotto/kernels/gram_norms_lanes.h>

namespace sotto::kernels::detail {

extern const GramKernels gram_kernels_avx512;
constinit const GramKernels gram_kernels_avx512 = gram_kernels("avx512");

}  // namespace sotto::kernels::detail
