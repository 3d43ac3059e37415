// The Gram kernel of gram_norms_lanes.h for AVX2.
#define SOTTO_LANE_BYTES 32
#include <sotto/kernels/gram_norms_lanes.h>

namespace sotto::kernels::detail {

extern const GramKernels gram_kernels_avx2;
constinit const GramKernels gram_kernels_avx2 = gram_kernels("avx2");

}  // namespace sotto::kernels::detail
