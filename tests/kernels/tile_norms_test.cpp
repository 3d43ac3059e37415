#include <gtest/gtest.h>
#include <sotto/kernels/tile_kernels.h>

#include <cstdint>
#include <limits>
#include <memory>

#include "outer_cases.h"

namespace sotto::kernels::testing {
namespace {

template <class T>
struct Result {
  std::vector<T> kept;
  std::vector<double> computed;
};

constexpr std::size_t kGap = 3;  // between kept gradients

// On the instruction set `kernels`, with scratch of exactly the size it may touch.
template <class T>
Result<T> norms_of(const detail::TileKernels& kernels, const Factors<T>& f, bool keep = true) {
  const std::size_t bytes = tile_norm_scratch<T>(f.shape);
  const std::unique_ptr<unsigned char[]> scratch(new unsigned char[bytes]);
  for (std::size_t k = 0; k < bytes; ++k) scratch[k] = 0xff;
  const std::size_t past = reinterpret_cast<std::uintptr_t>(scratch.get()) % detail::kTileLine;
  unsigned char* const aligned = scratch.get() + (detail::kTileLine - past) % detail::kTileLine;
  const std::size_t stride = f.shape.left_columns * f.shape.right_columns + kGap;
  Result<T> result{std::vector<T>(f.shape.records * stride, T{-7}), std::vector<double>(f.shape.records, -1)};
  T* const kept = keep ? result.kept.data() : nullptr;
  if constexpr (sizeof(T) == 4) {
    kernels.outer_float(f.shape, f.left.data(), f.right.data(), kept, stride, aligned, result.computed.data());
  } else {
    kernels.outer_double(f.shape, f.left.data(), f.right.data(), kept, stride, aligned, result.computed.data());
  }
  return result;
}

template <class T>
class TileNorms : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(TileNorms, Types);

// Every element is within gamma_T sum_t |left||right| of the true one; the squared norm is that of what was kept.
template <class T>
void expect_right(const Factors<T>& f) {
  const OuterShape& s = f.shape;
  const std::size_t elements = s.left_columns * s.right_columns;
  for (const detail::TileKernels& kernels : detail::supported_tile_kernels()) {
    const Result<T> result = norms_of(kernels, f);
    for (std::size_t i = 0; i < s.records; ++i) {
      const OuterTruth truth = truth_of(f, i);
      long double kept_norm = 0, distance = 0;
      for (std::size_t k = 0; k < elements; ++k) {
        const long double x = result.kept[i * (elements + kGap) + k];
        kept_norm += x * x;
        distance += (x - truth.gradient[k]) * (x - truth.gradient[k]);
      }
      EXPECT_LE(std::sqrt(distance), tile_norm_factor<T>(s) * truth.bound)
          << kernels.name << ", T " << s.positions << ", p " << s.left_columns << ", d " << s.right_columns;
      EXPECT_NEAR(result.computed[i], static_cast<double>(kept_norm),
                  static_cast<double>(kept_norm) * static_cast<double>(elements) * 0x1p-53)
          << kernels.name;
      for (std::size_t k = 0; k < kGap; ++k) EXPECT_EQ(result.kept[i * (elements + kGap) + elements + k], T{-7});
    }
    EXPECT_EQ(norms_of(kernels, f, false).computed, result.computed) << kernels.name << ": dropped";
  }
}

TYPED_TEST(TileNorms, AreThoseOfTheGradientsInLongDouble) {
  for (const std::size_t positions : {0, 1, 2, 7, 40})
    for (const std::size_t p : {0, 1, 3, 4, 8, 9, 20})
      for (const std::size_t d : {0, 1, 2, 5, 8, 15, 16, 17, 31, 32, 33, 70})
        expect_right(random_factors<TypeParam>(outer_shape(2, positions, p, d)));
  for (const std::size_t gap : {1, 5}) expect_right(random_factors<TypeParam>(outer_shape(3, 9, 11, 13, gap)));
  expect_right(random_factors<TypeParam>(outer_shape(0, 9, 11, 13)));
  expect_right(random_factors<TypeParam>(outer_shape(1, 300, 37, 101)));
}

// The squares of small and of large gradients leave the range of float; their norms do not.
TEST(TileNormsInFloat, OfSmallAndLargeGradientsAreRight) {
  for (const int exponent : {-60, -45, 30, 55}) {
    Factors<float> f = random_factors<float>(outer_shape(2, 5, 9, 17));
    for (float& x : f.left) x = std::ldexp(x, exponent);
    for (float& x : f.right) x = std::ldexp(x, exponent);
    expect_right(f);
  }
}

TYPED_TEST(TileNorms, OfARecordThatIsNotFiniteAreNot) {
  const TypeParam infinity = std::numeric_limits<TypeParam>::infinity();
  for (const TypeParam poison : {std::numeric_limits<TypeParam>::quiet_NaN(), infinity, -infinity})
    for (const bool in_left : {false, true})
      for (std::size_t at = 0; at < 6 * 7; at += 5) {
        Factors<TypeParam> f = random_factors<TypeParam>(outer_shape(3, 6, 7, 7));
        (in_left ? f.left : f.right)[6 * 7 + at] = poison;
        for (const detail::TileKernels& kernels : detail::supported_tile_kernels()) {
          const auto computed = norms_of(kernels, f).computed;
          EXPECT_FALSE(std::isfinite(computed[1])) << kernels.name << " at " << at;
          EXPECT_TRUE(std::isfinite(computed[0] + computed[2]));
        }
      }
}

TYPED_TEST(TileNorms, TakeScratchOfAnyAlignment) {
  const Factors<TypeParam> f = random_factors<TypeParam>(outer_shape(2, 5, 9, 40));
  const auto expected = norms_of(detail::supported_tile_kernels().front(), f);
  for (const std::size_t past : {0, 1, 8, 63}) {
    std::vector<unsigned char> scratch(tile_norm_scratch<TypeParam>(f.shape) + past);
    Result<TypeParam> result{std::vector<TypeParam>(expected.kept.size(), -7), std::vector<double>(2)};
    tile_norms(f.shape, f.left.data(), f.right.data(), result.kept.data(), 9 * 40 + kGap, scratch.data() + past,
               result.computed.data());
    EXPECT_EQ(result.computed, expected.computed);
    EXPECT_EQ(result.kept, expected.kept);
  }
}

}  // namespace
}  // namespace sotto::kernels::testing
