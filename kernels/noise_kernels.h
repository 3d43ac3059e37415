#pragma once
// The kernels that draw noise, compiled once per instruction set. Not for users, but for tests that compare them.

#include <sotto/kernels/noisy_update.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace sotto::kernels::detail {

// The caller must know that the processor supports the instruction set.
struct NoiseKernels {
  const char* name;
  void (*add_float)(const std::uint32_t* key, NoiseCounter, std::uint64_t first, std::size_t count, double, float* out);
  void (*add_double)(const std::uint32_t* key, NoiseCounter, std::uint64_t first, std::size_t count, double,
                     double* out);
  void (*sgd_float)(const TensorNoise&, std::size_t count, const float* sum, const SgdUpdate<float>&);
  void (*sgd_double)(const TensorNoise&, std::size_t count, const double* sum, const SgdUpdate<double>&);
  void (*adam_float)(const TensorNoise&, std::size_t count, const float* sum, const AdamUpdate<float>&,
                     const AdamCorrection&);
  void (*adam_double)(const TensorNoise&, std::size_t count, const double* sum, const AdamUpdate<double>&,
                      const AdamCorrection&);
};

// Best first; the last one, "baseline", runs everywhere.
std::span<const NoiseKernels> supported_noise_kernels();

}  // namespace sotto::kernels::detail
