#pragma once
// Per-record gradients that are sums of outer products, formed tile by tile, with their squared norms taken while a
// tile is in registers; the gradients are kept for the weighted sum, or dropped (linear layers and matrix products).
//
//   G_i[a, b] = sum_t left[i,t,a] right[i,t,b],   computed[i] = sum_{a,b} G_i[a,b]^2,   letters as in outer_shape.h
//
// An element of G_i is one chain of T multiply-adds in its own type, in the order of t. Squares and their sum are taken
// in double: the relative error of computed[i] as the squared norm of what was kept is below p d 2^-53 (in double,
// squares overflow beyond 1e154 and vanish below 1e-154). The same call gives the same bits, kept or dropped.
//
// Dropped gradients that are formed again by another matrix product are rounded otherwise: each is off the exact one by
// at most e = tile_norm_factor * sum_t |left_t||right_t| in norm, tile_norm_factor = gamma_T = T u / (1 - T u) (Higham
// 2002, section 3.5; u = 2^-24 or 2^-53, inner products in any order), so that sqrt(computed) + 2 e bounds the norm of
// either. What underflows is below T sqrt(p d) 2^-149 (2^-1074) and not counted.
// What is not finite in a record, or overflows in its gradient, makes its computed[i] infinite or NaN, and no other.

#include <sotto/kernels/kernel_cost.h>
#include <sotto/kernels/outer_shape.h>
#include <sotto/kernels/stream.h>

#include <cstddef>

namespace sotto::kernels {

// kept: [B, p, d], p d consecutive elements for a record and kept_stride elements between records; nullptr: dropped.
// computed[i] is written for every record. One thread: split by records, with scratch of tile_norm_scratch<T>(shape)
// bytes for each, of any alignment. 2 T p d operations per record.
void tile_norms(const OuterShape& shape, const float* left, const float* right, float* kept, std::size_t kept_stride,
                void* scratch, double* computed);
void tile_norms(const OuterShape& shape, const double* left, const double* right, double* kept, std::size_t kept_stride,
                void* scratch, double* computed);

template <class T>
std::size_t tile_norm_scratch(const OuterShape& shape);
template <>
std::size_t tile_norm_scratch<float>(const OuterShape& shape);
template <>
std::size_t tile_norm_scratch<double>(const OuterShape& shape);

// Of processor and device.
template <class T>
double tile_norm_factor(const OuterShape& shape);
template <>
double tile_norm_factor<float>(const OuterShape& shape);
template <>
double tile_norm_factor<double>(const OuterShape& shape);

// The same on a device, in order on `stream`; all pointers are device memory, `scratch` aligned to 8 bytes. Bits do not
// depend on the block, which is 32 to 1024 threads and a multiple of 32 (std::invalid_argument otherwise); more than
// 256 are not used. Arithmetic in double: one multiply-add per element of a gradient, and with T = double everything.
namespace cuda {
void tile_norms(const OuterShape& shape, const float* left, const float* right, float* kept, std::size_t kept_stride,
                void* scratch, double* computed, Stream stream, unsigned block = 256);
void tile_norms(const OuterShape& shape, const double* left, const double* right, double* kept, std::size_t kept_stride,
                void* scratch, double* computed, Stream stream, unsigned block = 256);

// Bytes, for all records.
constexpr std::size_t tile_norm_scratch(const OuterShape& shape) {
  return shape.records * gradient_tiles(shape.left_columns, shape.right_columns) * sizeof(double);
}

// Products and squares; what fills tiles up to whole ones is not counted.
template <class T>
constexpr KernelCost tile_norms_cost(const OuterShape& s, bool keep) {
  const std::uint64_t elements = s.records * s.left_columns * s.right_columns;
  return {s.records * s.positions * (s.left_columns + s.right_columns) * sizeof(T),
          (keep ? elements * sizeof(T) : 0) + s.records * sizeof(double), elements * 2 * (s.positions + 1)};
}
}  // namespace cuda

}  // namespace sotto::kernels
