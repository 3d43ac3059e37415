#pragma once
// Which of the instruction sets that kernels are compiled for this processor has. Part of the kernels, not for users.

#include <vector>

namespace sotto::kernels::detail {

// The kernels that can run here, best first: AVX-512 (F, DQ, VL, BW), AVX2 with fused multiply-adds, and those that run
// everywhere.
template <class Kernels>
std::vector<Kernels> best_first(const Kernels& baseline, [[maybe_unused]] const Kernels* avx2,
                                [[maybe_unused]] const Kernels* avx512) {
  std::vector<Kernels> found;
#if defined(__x86_64__)
  if (avx512 != nullptr && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
    found.push_back(*avx512);
  if (avx2 != nullptr && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found.push_back(*avx2);
#endif
  found.push_back(baseline);
  return found;
}

}  // namespace sotto::kernels::detail
