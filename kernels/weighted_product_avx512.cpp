// The kernels of product_lanes.h for AVX-512.
#define SOTTO_LANE_BYTES 64
#include <sotto/kernels/product_lanes.h>

namespace sotto::kernels::detail {

extern const ProductKernels product_kernels_avx512;
constinit const ProductKernels product_kernels_avx512 = product_kernels("avx512");

}  // namespace sotto::kernels::detail
