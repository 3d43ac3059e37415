#pragma once
// Squared norms of per-record gradients that are sums of outer products, g_i = sum_t left[i,t] right[i,t]^T, without
// the gradient and without the T x T matrices of inner products (Li et al., ICLR 2022, "ghost norm"):
//
//   |g_i|^2 = sum_{t,s} <left_t, left_s> <right_t, right_s>
//
// Letters are those of outer_shape.h. Only tiles with s <= t are computed.
//
// The sum cancels where positions do, so it comes with a bound: |computed - |g_i|^2| <= gram_norm_factor * bound^2, for
// bound = sum_t |left_t||right_t|, which no rounding makes too small. Derivation, u = 2^-24 (float) or 2^-53 (double):
//   * Every row is first multiplied with a power of two that puts its largest element into [1/2, 1) ([2^-23, 4) at the
//     ends of the range of float). So no inner product overflows, and what underflows is below u times |row|^2.
//   * An inner product of n elements is a sum in chains of k(n) terms in T (kGramChain in gram_kernels.h, kGramSlab),
//   so
//     it is off by at most gamma_k |left_t||left_s|, gamma_k = k u / (1 - k u) (Higham 2002, section 3.1); k counts the
//     rounding of the scaled row too. Two of them multiplied: gamma_p + gamma_d + gamma_p gamma_d.
//   * Their products, the powers of two and the sum over T^2 / 2 pairs are taken in double.
//   * sum_{t,s} of |left_t||left_s||right_t||right_s| is bound^2.
// In double everything that is below 1e-300 in the result may be lost. A record with an element that is not finite, or
// in double with a squared norm that is not, gives computed[i] or bound[i] that is not finite, and no other record
// does.

#include <sotto/kernels/kernel_cost.h>
#include <sotto/kernels/outer_shape.h>
#include <sotto/kernels/stream.h>

#include <cstddef>
#include <limits>

namespace sotto::kernels {

// computed[i] and bound[i] are written for every record; 0 where T, p or d is 0. One thread: split by records, with a
// scratch for each. T (T + 1) (p + d) operations per record. `scratch` holds gram_norm_scratch<T>(shape) bytes, the
// scaled rows of one record; any alignment.
void gram_norms(const OuterShape& shape, const float* left, const float* right, void* scratch, double* computed,
                double* bound);
void gram_norms(const OuterShape& shape, const double* left, const double* right, void* scratch, double* computed,
                double* bound);

template <class T>
std::size_t gram_norm_scratch(const OuterShape& shape);
template <>
std::size_t gram_norm_scratch<float>(const OuterShape& shape);
template <>
std::size_t gram_norm_scratch<double>(const OuterShape& shape);

// The factor above for the instruction set of this machine. It depends on p, d and T alone.
template <class T>
double gram_norm_factor(const OuterShape& shape);
template <>
double gram_norm_factor<float>(const OuterShape& shape);
template <>
double gram_norm_factor<double>(const OuterShape& shape);

// The instruction set chosen at run time: "avx512", "avx2" or "baseline".
const char* gram_norms_instruction_set();

namespace detail {
// The factor for chains of k_left and k_right roundings of `unit`.
double gram_factor(const OuterShape& shape, double k_left, double k_right, double unit);
}  // namespace detail

// The same on a device, in order on `stream`; all pointers are device memory, `scratch` aligned to 8 bytes. Bits do not
// depend on the block, which is 32 to 1024 threads and a multiple of 32 (std::invalid_argument otherwise); more than
// 256 are not used. bound[i] is up to 1e-5 (1 + (p + d) / 1000) larger than the sum it stands for. Arithmetic in
// double: 16 products per thread and tile of 64 x 64 pairs, and with T = double everything.
namespace cuda {
void gram_norms(const OuterShape& shape, const float* left, const float* right, void* scratch, double* computed,
                double* bound, Stream stream, unsigned block = 256);
void gram_norms(const OuterShape& shape, const double* left, const double* right, void* scratch, double* computed,
                double* bound, Stream stream, unsigned block = 256);

inline constexpr std::size_t kGramTile = 64;  // positions on either side of a tile of pairs
// Columns whose products are added in one chain; the sums of chains are another.
template <class T>
inline constexpr std::size_t kGramSlab = sizeof(T) == 4 ? 32 : 16;

// Pairs of tiles of a record, and bytes for all records: 32 for a position, 8 for a pair of tiles.
constexpr std::size_t gram_tiles(std::size_t positions) {
  const std::size_t side = (positions + kGramTile - 1) / kGramTile;
  return side * (side + 1) / 2;
}
constexpr std::size_t gram_norm_scratch(const OuterShape& shape) {
  return shape.records * (shape.positions * 32 + gram_tiles(shape.positions) * 8);
}

template <class T>
double gram_norm_factor(const OuterShape& shape) {
  const auto chain = [](std::size_t columns) {
    const std::size_t terms = columns < kGramSlab<T> ? columns : kGramSlab<T>;
    return static_cast<double>(terms + (columns + kGramSlab<T> - 1) / kGramSlab<T> + 1);
  };
  return detail::gram_factor(shape, chain(shape.left_columns), chain(shape.right_columns),
                             std::numeric_limits<T>::epsilon() / 2);
}

// Inner products of whole tiles, which are nine tenths of the operations and more where tiles are full; the scratch
// stays in a cache.
template <class T>
constexpr KernelCost gram_norms_cost(const OuterShape& s) {
  const std::uint64_t columns = s.left_columns + s.right_columns;
  return {s.records * s.positions * columns * sizeof(T), s.records * 2 * sizeof(double),
          s.records * gram_tiles(s.positions) * kGramTile * kGramTile * 2 * columns};
}
}  // namespace cuda

}  // namespace sotto::kernels
