// The kernels of tile_lanes.h for AVX2.
#define SOTTO_LANE_BYTES 32
#include <sotto/kernels/tile_lanes.h>

namespace sotto::kernels::detail {

extern const TileKernels tile_kernels_avx2;
constinit const TileKernels tile_kernels_avx2 = tile_kernels("avx2");

}  // namespace sotto::kernels::detail
