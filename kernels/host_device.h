#pragma once
// Functions that processor and device share: SOTTO_HOST_DEVICE in front of them.

#if defined(__CUDACC__)
#define SOTTO_HOST_DEVICE __host__ __device__
#else
#define SOTTO_HOST_DEVICE
#endif
