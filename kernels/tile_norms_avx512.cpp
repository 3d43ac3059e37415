// The kernels of tile_lanes.h for AVX-512.
#define SOTTO_LANE_BYTES 64
#include <sotto/kernels/tile_lanes.h>

namespace sotto::kernels::detail {

extern const TileKernels tile_kernels_avx512;
constinit const TileKernels tile_kernels_avx512 = tile_kernels("avx512");

}  // namespace sotto::kernels::detail
