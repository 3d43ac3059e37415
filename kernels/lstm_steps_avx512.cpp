// The kernels of lstm_lanes.h for AVX-512.
#define SOTTO_LANE_BYTES 64
#include <sotto/kernels/lstm_lanes.h>

namespace sotto::kernels::detail {

extern const LstmKernels lstm_kernels_avx512;
constinit const LstmKernels lstm_kernels_avx512 = lstm_kernels("avx512");

}  // namespace sotto::kernels::detail
