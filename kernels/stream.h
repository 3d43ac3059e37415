#pragma once
// The stream of a device that a kernel runs on, named without CUDA's headers.

struct CUstream_st;

namespace sotto::kernels {

using Stream = CUstream_st*;  // CUDA's cudaStream_t; nullptr is the default stream

}  // namespace sotto::kernels
