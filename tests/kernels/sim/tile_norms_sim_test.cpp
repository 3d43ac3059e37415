// The CUDA twin of the norms of gradients that are formed tile by tile, executed on the processor.

#include <gtest/gtest.h>

#include <limits>

#include "../../../kernels/tile_norms_cuda.cu"
#include "../outer_cases.h"
#include "runs.h"

namespace sotto::kernels::testing {
namespace {

constexpr std::size_t kGap = 3;

// computed of all records, then what was kept.
template <class T>
std::vector<double> norms_of(const Factors<T>& f, unsigned block, bool keep = true) {
  const Exact<T> left(f.left), right(f.right);
  const std::size_t records = f.shape.records, elements = f.shape.left_columns * f.shape.right_columns;
  const Exact<double> scratch(std::vector<double>(cuda::tile_norm_scratch(f.shape) / sizeof(double), std::nan("")));
  const Exact<T> kept(std::vector<T>(records == 0 ? 0 : records * (elements + kGap) - kGap, T{-7}));
  const Exact<double> computed(std::vector<double>(records, -1));
  cuda::tile_norms(f.shape, left.get(), right.get(), keep ? kept.get() : nullptr, elements + kGap, scratch.get(),
                   computed.get(), nullptr, block);
  std::vector<double> all = computed.to_vector();
  for (const T x : kept.to_vector()) all.push_back(x);
  return all;
}

template <class T>
void expect_right(const Factors<T>& f, const std::vector<double>& result) {
  const OuterShape& s = f.shape;
  const std::size_t elements = s.left_columns * s.right_columns;
  std::vector<unsigned char> scratch(tile_norm_scratch<T>(s));
  std::vector<double> on_processor(s.records);
  tile_norms(s, f.left.data(), f.right.data(), nullptr, 0, scratch.data(), on_processor.data());
  for (std::size_t i = 0; i < s.records; ++i) {
    const OuterTruth truth = truth_of(f, i);
    const double* kept = result.data() + s.records + i * (elements + kGap);
    long double norm = 0, distance = 0;
    for (std::size_t k = 0; k < elements; ++k) {
      norm += static_cast<long double>(kept[k]) * kept[k];
      distance += (kept[k] - truth.gradient[k]) * (kept[k] - truth.gradient[k]);
    }
    const auto error = static_cast<double>(tile_norm_factor<T>(s) * truth.bound);
    EXPECT_LE(static_cast<double>(std::sqrt(distance)), error);
    EXPECT_NEAR(result[i], static_cast<double>(norm),
                static_cast<double>(norm) * 0x1p-53 * static_cast<double>(elements));
    // Both gradients are within `error`, and either sum of squares is rounded for each element.
    const double rounding = std::sqrt(static_cast<double>(norm)) * 0x1p-53 * static_cast<double>(elements);
    EXPECT_NEAR(std::sqrt(result[i]), std::sqrt(on_processor[i]), 2 * error * (1 + 1e-6) + rounding);
  }
}

template <class T>
class TileNormsOnDevice : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(TileNormsOnDevice, Types);

TYPED_TEST(TileNormsOnDevice, AreThoseOfTheGradientsInLongDouble) {
  for (const std::size_t positions : sizes({0, 1, 17}, {3})) {
    for (const std::size_t p : sizes({1, 65}, {5})) {
      for (const std::size_t d : sizes({1, 70}, {66})) {
        const auto f = random_factors<TypeParam>(outer_shape(2, positions, p, d, 2));
        const auto result = same_under_all<std::vector<double>>([&](unsigned block) { return norms_of(f, block); });
        expect_right(f, result);
        const auto dropped = norms_of(f, 64, false);
        EXPECT_EQ(dropped[0], result[0]);
        EXPECT_EQ(dropped[1], result[1]);
      }
    }
  }
}

TYPED_TEST(TileNormsOnDevice, OfNothingAreZero) {
  for (const OuterShape& shape : {outer_shape(2, 3, 0, 4), outer_shape(2, 3, 4, 0)}) {
    const auto result = norms_of(random_factors<TypeParam>(shape), 32);
    EXPECT_EQ(result[0], 0);
    EXPECT_EQ(result[1], 0);
  }
  EXPECT_TRUE(norms_of(random_factors<TypeParam>(outer_shape(0, 3, 4, 4)), 32).empty());
}

TYPED_TEST(TileNormsOnDevice, OfARecordThatIsNotFiniteAreNot) {
  const TypeParam infinity = std::numeric_limits<TypeParam>::infinity();
  for (const TypeParam poison : {std::numeric_limits<TypeParam>::quiet_NaN(), infinity, -infinity}) {
    Factors<TypeParam> f = random_factors<TypeParam>(outer_shape(3, 5, 7, 7));
    f.left[5 * 7 + 9] = poison;
    const auto result = norms_of(f, 64);
    EXPECT_FALSE(std::isfinite(result[1]));
    EXPECT_TRUE(std::isfinite(result[0] + result[2]));
  }
}

TEST(TileNormsOnDevice, OfSmallAndLargeGradientsAreRight) {
  for (const int exponent : {-60, -45, 30, 55}) {
    Factors<float> f = random_factors<float>(outer_shape(1, 5, 9, 17));
    for (float& x : f.left) x = std::ldexp(x, exponent);
    for (float& x : f.right) x = std::ldexp(x, exponent);
    expect_right(f, norms_of(f, 64));
  }
}

TEST(TileNormsOnDevice, RefuseBlocksThatNoDeviceTakes) {
  const auto f = random_factors<float>(outer_shape(1, 2, 3, 3));
  for (const unsigned block : {0U, 16U, 48U, 2048U}) EXPECT_THROW(norms_of(f, block), std::invalid_argument);
}

}  // namespace
}  // namespace sotto::kernels::testing
