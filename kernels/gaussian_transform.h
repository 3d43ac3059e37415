#pragma once
// The transform of gaussian_noise.h, one block at a time, for a device: the same operations in the same order as the
// vectors of gaussian_noise_lanes.h, so that both give the same bits. Compile without contraction into multiply-adds
// (nvcc -fmad=false, g++ -ffp-contract=off).

#include <sotto/kernels/chacha20.h>
#include <sotto/kernels/gaussian_polynomials.h>

#include <cmath>
#include <cstdint>

namespace sotto::kernels {

inline constexpr int kNormalsPerBlock = 8;

struct Normals {
  double value[kNormalsPerBlock];
};

SOTTO_HOST_DEVICE inline double double_of_bits(std::uint64_t bits) {
#if defined(__CUDA_ARCH__)
  return __longlong_as_double(static_cast<long long>(bits));
#else
  return __builtin_bit_cast(double, bits);
#endif
}

SOTTO_HOST_DEVICE inline std::uint64_t bits_of_double(double value) {
#if defined(__CUDA_ARCH__)
  return static_cast<std::uint64_t>(__double_as_longlong(value));
#else
  return __builtin_bit_cast(std::uint64_t, value);
#endif
}

// -2 ln(d / 2^64) for d in [2^-11, 2^64].
SOTTO_HOST_DEVICE inline double minus_two_log_of(double d) {
  constexpr std::uint64_t kSqrtHalf = 0x3fe6a09e667f3bcdU;
  constexpr std::uint64_t kOne = 0x3ff0000000000000U;
  constexpr std::uint64_t kMantissa = 0x000fffffffffffffU;
  const std::uint64_t shifted = bits_of_double(d) + (kOne - kSqrtHalf);
  const double exponent = double_of_bits((shifted >> 52) | 0x4330000000000000U) - (0x1p52 + 1023.0 + 64.0);
  const double m = double_of_bits((shifted & kMantissa) + kSqrtHalf);
  const double t = (m - 1.0) / (m + 1.0);
  const double z = t * t;
#define SOTTO_FIRST(coefficient) double p = coefficient;
#define SOTTO_TERM(coefficient) p = p * z + (coefficient);
  SOTTO_LOG_POLYNOMIAL
#undef SOTTO_FIRST
#undef SOTTO_TERM
  const double log_m = (t + t) + t * (z * p);
  return (exponent * 0x1.62e42fefa39efp-1 + log_m) * -2.0;
}

// sin and cos of (pi/2) x for |x| <= 1/2, y = x^2.
SOTTO_HOST_DEVICE inline double sine_of_quarter(double x, double y) {
#define SOTTO_FIRST(coefficient) double p = coefficient;
#define SOTTO_TERM(coefficient) p = p * y + (coefficient);
  SOTTO_SINE_POLYNOMIAL
#undef SOTTO_FIRST
#undef SOTTO_TERM
  return x * p;
}
SOTTO_HOST_DEVICE inline double cosine_of_quarter(double y) {
#define SOTTO_FIRST(coefficient) double p = coefficient;
#define SOTTO_TERM(coefficient) p = p * y + (coefficient);
  SOTTO_COSINE_POLYNOMIAL
#undef SOTTO_FIRST
#undef SOTTO_TERM
  return p;
}

// The eight normals of a block, times stddev.
SOTTO_HOST_DEVICE inline Normals normals_of(const ChaChaBlock& block, double stddev) {
  Normals normals{};
#if defined(__CUDA_ARCH__)
#pragma unroll
#endif
  for (int pair = 0; pair < kNormalsPerBlock / 2; ++pair) {
    const std::uint32_t* w = block.word + 4 * pair;
    const std::uint64_t x = w[0] | static_cast<std::uint64_t>(w[1]) << 32;
    const std::uint64_t y = w[2] | static_cast<std::uint64_t>(w[3]) << 32;
    const double extension = double_of_bits(((y & 0x1ffcU) << 39) | 0x3ff0000000000000U) - (1.0 - 0x1p-11);
    const double radius = std::sqrt(minus_two_log_of(static_cast<double>(x) + extension)) * stddev;
    const double a = double_of_bits((y >> 12) | 0x3ff0000000000001U) - 1.5;
    const double squared = a * a;
    const std::uint64_t sine = bits_of_double(sine_of_quarter(a, squared) * radius);
    const std::uint64_t cosine = bits_of_double(cosine_of_quarter(squared) * radius) ^ ((y & 2U) << 62);
    const std::uint64_t change = (sine ^ cosine) & (0 - (y & 1U));
    normals.value[2 * pair] = double_of_bits(cosine ^ change);
    normals.value[2 * pair + 1] = double_of_bits(sine ^ change);
  }
  return normals;
}

}  // namespace sotto::kernels
