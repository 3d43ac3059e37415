// The kernels of product_lanes.h for AVX2.
#define SOTTO_LANE_BYTES 32
#include <sotto/kernels/product_lanes.h>

namespace sotto::kernels::detail {

extern const ProductKernels product_kernels_avx2;
constinit const ProductKernels product_kernels_avx2 = product_kernels("avx2");

}  // namespace sotto::kernels::detail
