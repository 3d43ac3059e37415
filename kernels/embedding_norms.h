#pragma once
// Squared norms of the per-record gradients of an embedding table, without the table: positions of a record that hold
// the same token add their gradients, and different tokens have different rows of the table.
//
//   |g_i|^2 = sum over the distinct tokens v of record i of |sum_{t: tokens[i,t] = v} scale[i,t] gradient[i, t / n]|^2
//
// n = 1 for an embedding. For bags of n tokens each, whose tokens share the gradient of their bag, scale holds the
// per-sample weights, or 1/n for a mean. Tokens equal to `padding` are left out. (Li et al., ICLR 2022, section 3.3,
// sums pairs of equal tokens instead, which costs T^2.)
//
// Error: |computed - |g_i|^2| <= embedding_norm_factor * bound^2 with bound = sum_t |scale[i,t]||gradient[i, t / n]|
// over the tokens that count: all sums are taken in double (u = 2^-53), a row of the table from at most T terms, so
// that its square is off by at most (2 gamma + gamma^2) (sum of their norms)^2 (Higham 2002, section 3.1). In double,
// squares overflow beyond 1e154 and vanish below 1e-154. What is not finite at a token that counts makes computed[i] or
// bound[i] not finite, and those of no other record.

#include <sotto/kernels/kernel_cost.h>
#include <sotto/kernels/stream.h>

#include <cstddef>
#include <cstdint>

namespace sotto::kernels {

struct EmbeddingShape {
  std::size_t records = 0;            // B
  std::size_t positions = 0;          // T, tokens of a record: 0 to 2^31 - 1
  std::size_t positions_per_row = 1;  // n >= 1, divides T
  std::size_t columns = 0;            // d
  // Elements between the starts of consecutive records and rows. The tokens of a record are consecutive, and so are
  // its scales, which have the stride of the tokens.
  std::size_t token_record_stride = 0;
  std::size_t gradient_record_stride = 0;
  std::size_t gradient_row_stride = 0;
  std::int64_t padding = -1;  // a token that is left out; -1: none
};

// computed[i] and bound[i] are written for every record. scale may be nullptr: all 1. One thread: split by records,
// with scratch of embedding_norm_scratch(shape) bytes for each, of any alignment. O(T d) per record.
void embedding_norms(const EmbeddingShape& shape, const std::int64_t* tokens, const float* scale, const float* gradient,
                     void* scratch, double* computed, double* bound);
void embedding_norms(const EmbeddingShape& shape, const std::int64_t* tokens, const double* scale,
                     const double* gradient, void* scratch, double* computed, double* bound);

std::size_t embedding_norm_scratch(const EmbeddingShape& shape);

// Of processor and device.
double embedding_norm_factor(const EmbeddingShape& shape);

// The same on a device, in order on `stream`; all pointers are device memory, `scratch` aligned to 8 bytes. Bits do not
// depend on the block, which is 32 to 1024 threads and a multiple of 32 (std::invalid_argument otherwise); more than
// 256 are not used. One block per record; T^2 / 2 comparisons of tokens and 2 T d operations in double.
namespace cuda {
void embedding_norms(const EmbeddingShape& shape, const std::int64_t* tokens, const float* scale, const float* gradient,
                     void* scratch, double* computed, double* bound, Stream stream, unsigned block = 256);
void embedding_norms(const EmbeddingShape& shape, const std::int64_t* tokens, const double* scale,
                     const double* gradient, void* scratch, double* computed, double* bound, Stream stream,
                     unsigned block = 256);

// Bytes, for all records: 24 for a position.
constexpr std::size_t embedding_norm_scratch(const EmbeddingShape& shape) {
  return shape.records * shape.positions * 24;
}

// At most: all tokens differ and have a scale. In double. The gradients are looked at twice, the second time mostly in
// a cache; the scratch stays in one.
template <class T>
constexpr KernelCost embedding_norms_cost(const EmbeddingShape& s) {
  const std::uint64_t tokens = s.records * s.positions;
  return {tokens * (sizeof(std::int64_t) + sizeof(T)) + tokens / s.positions_per_row * s.columns * sizeof(T),
          s.records * 2 * sizeof(double), tokens * s.columns * 6};
}
}  // namespace cuda

}  // namespace sotto::kernels
