// The kernels of lstm_lanes.h for AVX2.
#define SOTTO_LANE_BYTES 32
#include <sotto/kernels/lstm_lanes.h>

namespace sotto::kernels::detail {

extern const LstmKernels lstm_kernels_avx2;
constinit const LstmKernels lstm_kernels_avx2 = lstm_kernels("avx2");

}  // namespace sotto::kernels::detail
