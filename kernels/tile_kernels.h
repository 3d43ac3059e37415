#pragma once
// The kernels of tile_norms.h and convolution_norms.h, compiled once per instruction set. Not for users, but for tests
// that compare them.

#include <sotto/kernels/convolution_norms.h>
#include <sotto/kernels/tile_norms.h>

#include <cstddef>
#include <span>

namespace sotto::kernels::detail {

// What any instruction set needs of scratch, which is aligned to a line here.
constexpr std::size_t kTileLine = 64;
constexpr std::size_t kMostTaps = 8;         // rows of a register tile
constexpr std::size_t kMostTileBytes = 128;  // of a row of a register tile

// The caller must know that the processor supports the instruction set.
struct TileKernels {
  const char* name;
  void (*outer_float)(const OuterShape&, const float* left, const float* right, float* kept, std::size_t kept_stride,
                      unsigned char* scratch, double* computed);
  void (*outer_double)(const OuterShape&, const double* left, const double* right, double* kept,
                       std::size_t kept_stride, unsigned char* scratch, double* computed);
  void (*convolution_float)(const ConvolutionShape&, const float* image, const float* gradient, float* kept,
                            std::size_t kept_stride, unsigned char* scratch, double* computed);
  void (*convolution_double)(const ConvolutionShape&, const double* image, const double* gradient, double* kept,
                             std::size_t kept_stride, unsigned char* scratch, double* computed);
};

// Best first; the last one, "baseline", runs everywhere.
std::span<const TileKernels> supported_tile_kernels();

}  // namespace sotto::kernels::detail
