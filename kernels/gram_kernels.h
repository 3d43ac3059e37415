#pragma once
// The kernels of gram_norms.h, compiled once per instruction set. Not for users, but for tests that compare them.

#include <sotto/kernels/gram_norms.h>

#include <cstddef>
#include <span>

namespace sotto::kernels::detail {

// Rows in scratch are whole cache lines, an odd number of them, so that they do not crowd into the same cache sets.
constexpr std::size_t kGramLine = 64;
constexpr std::size_t kGramRowsTogether = 4;  // positions are filled up to a multiple of it
constexpr std::size_t kGramChain = 32;        // terms that a lane adds before the lanes are added up, in double

// The caller must know that the processor supports the instruction set. Scratch is aligned to a line here.
struct GramKernels {
  const char* name;
  std::size_t lane_bytes;
  void (*norm_float)(const OuterShape&, const float* left, const float* right, unsigned char* scratch, double* computed,
                     double* bound);
  void (*norm_double)(const OuterShape&, const double* left, const double* right, unsigned char* scratch,
                      double* computed, double* bound);
};

// Best first; the last one, "baseline", runs everywhere.
std::span<const GramKernels> supported_gram_kernels();

// The factor of a kernel: a lane adds at most kGramChain terms, then the lanes are added in pairs; one more rounding is
// that of a scaled element that becomes subnormal.
template <class T>
double gram_norm_factor(const GramKernels& kernels, const OuterShape& shape);
template <>
double gram_norm_factor<float>(const GramKernels& kernels, const OuterShape& shape);
template <>
double gram_norm_factor<double>(const GramKernels& kernels, const OuterShape& shape);

}  // namespace sotto::kernels::detail
