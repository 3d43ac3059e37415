#include <sotto/optim/lattice_rounding.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/exact_draws.h>
#include <sotto/privacy/plan.h>

#include <algorithm>
#include <cmath>

namespace sotto::optim {
namespace {

using privacy::WideUnsigned;

constexpr int kFactorBits = 31;
// |x_j| is below this: squares below 2^62, so that 2^64 of them fit 126 bits, and x_j f fits 62.
constexpr double kFarthest = 0x1p31;
constexpr WideUnsigned kLargestSquare = WideUnsigned{privacy::kLatticeNorm} * privacy::kLatticeNorm;

WideUnsigned sum_of_squares(std::span<const std::int64_t> integers) {
  WideUnsigned sum = 0;
  for (const std::int64_t x : integers) sum += static_cast<WideUnsigned>(privacy::WideInteger{x} * x);
  return sum;
}

// floor(sqrt(square)), square < 2^126: the largest root, from its highest bit down.
std::uint64_t root_of(WideUnsigned square) {
  std::uint64_t root = 0;
  for (int place = 62; place >= 0; --place) {
    const std::uint64_t larger = root | std::uint64_t{1} << place;
    if (WideUnsigned{larger} * larger <= square) root = larger;
  }
  return root;
}

void shrink(std::span<std::int64_t> integers, WideUnsigned square) {
  const auto factor = static_cast<std::int64_t>((WideUnsigned{privacy::kLatticeNorm} << kFactorBits) /
                                                (WideUnsigned{root_of(square)} + 1));
  constexpr std::int64_t kOne = std::int64_t{1} << kFactorBits;
  for (std::int64_t& x : integers) x = x * factor / kOne;
}

}  // namespace

std::uint64_t round_to_lattice(std::span<const double> values, double bound, std::span<std::int64_t> result) {
  SOTTO_ASSERT(values.size() == result.size() && std::isfinite(bound) && bound > 0);
  const double scale = static_cast<double>(privacy::kLatticeNorm) / bound;
  for (std::size_t j = 0; j < values.size(); ++j) {
    const double scaled = values[j] * scale;
    if (!(std::abs(scaled) < kFarthest)) {  // not a number neither
      std::ranges::fill(result, 0);
      return 0;
    }
    result[j] = static_cast<std::int64_t>(scaled);
  }
  WideUnsigned square = sum_of_squares(result);
  if (square > kLargestSquare) {
    shrink(result, square);
    square = sum_of_squares(result);
  }
  SOTTO_ASSERT(square <= kLargestSquare);
  return static_cast<std::uint64_t>(square);
}

}  // namespace sotto::optim
