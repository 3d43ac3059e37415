#include <gtest/gtest.h>
#include <sotto/kernels/product_kernels.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>

#include "outer_cases.h"

namespace sotto::kernels::testing {
namespace {

constexpr std::size_t kGap = 3;  // between rows of the sum

template <class T>
struct Scales {
  std::vector<T> left, right;
};

// Scratch has exactly the size that may be touched.
template <class T>
std::vector<T> sum_of(const detail::ProductKernels& kernels, const Factors<T>& f, const Scales<T>& scales,
                      std::vector<T> sum) {
  const std::size_t bytes = weighted_product_scratch<T>(f.shape);
  const std::unique_ptr<unsigned char[]> scratch(new unsigned char[bytes]);
  for (std::size_t k = 0; k < bytes; ++k) scratch[k] = 0xff;
  const std::size_t past = reinterpret_cast<std::uintptr_t>(scratch.get()) % detail::kProductLine;
  unsigned char* const aligned = scratch.get() + (detail::kProductLine - past) % detail::kProductLine;
  const auto run = [&] {
    if constexpr (sizeof(T) == 4)
      return kernels.of_float;
    else
      return kernels.of_double;
  }();
  run(f.shape, f.left.data(), f.right.data(), scales.left.data(), scales.right.data(), sum.data(),
      f.shape.right_columns + kGap, aligned);
  return sum;
}

template <class T>
T* row_of(std::vector<T>& values, std::size_t record_stride, std::size_t position_stride, std::size_t record,
          std::size_t position) {
  return values.data() + record * record_stride + position * position_stride;
}

// An element is off by at most gamma_k of the sum of magnitudes: a chain of at most kProductChain terms, one addition
// for each chain, two rounded factors.
template <class T>
void expect_right(Factors<T> f, const Scales<T>& scales) {
  const OuterShape& s = f.shape;
  const double unit = std::numeric_limits<T>::epsilon() / 2;
  const std::size_t rows = s.records * s.positions, chains = rows / kProductChain + 1;
  const double k = static_cast<double>(std::min(rows, kProductChain) + chains + 3) * unit, gamma = k / (1 - k);
  RandomValues<T> random(5);
  const std::vector<T> before = random(s.left_columns * (s.right_columns + kGap));
  for (const detail::ProductKernels& kernels : detail::supported_product_kernels()) {
    const std::vector<T> after = sum_of(kernels, f, scales, before);
    for (std::size_t a = 0; a < s.left_columns; ++a)
      for (std::size_t b = 0; b < s.right_columns + kGap; ++b) {
        const std::size_t at = a * (s.right_columns + kGap) + b;
        if (b >= s.right_columns) {
          ASSERT_EQ(after[at], before[at]) << "between rows";
          continue;
        }
        long double expected = before[at], magnitude = std::abs(expected);
        for (std::size_t i = 0; i < s.records; ++i) {
          if (scales.left[i] == 0 || scales.right[i] == 0) continue;
          for (std::size_t t = 0; t < s.positions; ++t) {
            const long double term = static_cast<long double>(scales.left[i]) *
                                     row_of(f.left, s.left_record_stride, s.left_position_stride, i, t)[a] *
                                     scales.right[i] *
                                     row_of(f.right, s.right_record_stride, s.right_position_stride, i, t)[b];
            expected += term;
            magnitude += std::abs(term);
          }
        }
        ASSERT_LE(std::abs(after[at] - expected), gamma * magnitude)
            << kernels.name << ", B " << s.records << ", T " << s.positions << ", p " << s.left_columns << ", d "
            << s.right_columns << " at " << a << ", " << b;
      }
  }
}

template <class T>
Scales<T> random_scales(std::size_t records) {
  RandomValues<T> random(11);
  Scales<T> scales{random(records), random(records)};
  for (std::size_t i = 0; i < records; i += 3) scales.left[i] = 0;
  for (std::size_t i = 1; i < records; i += 5) scales.right[i] = 0;
  return scales;
}

template <class T>
class WeightedProduct : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(WeightedProduct, Types);

TYPED_TEST(WeightedProduct, IsTheSumInLongDouble) {
  for (const std::size_t positions : {0, 1, 3})
    for (const std::size_t p : {0, 1, 3, 4, 7, 8, 9, 20})
      for (const std::size_t d : {0, 1, 2, 5, 8, 15, 16, 17, 31, 32, 33, 70})
        expect_right(random_factors<TypeParam>(outer_shape(5, positions, p, d)), random_scales<TypeParam>(5));
  for (const std::size_t gap : {1, 5})
    expect_right(random_factors<TypeParam>(outer_shape(7, 9, 11, 13, gap)), random_scales<TypeParam>(7));
  expect_right(random_factors<TypeParam>(outer_shape(0, 9, 11, 13)), random_scales<TypeParam>(0));
}

TYPED_TEST(WeightedProduct, IsTheSumOverSeveralChains) {
  const std::size_t chain = kProductChain;
  for (const std::size_t records : {chain - 1, chain, chain + 1, 2 * chain + 7}) {
    Scales<TypeParam> scales{std::vector<TypeParam>(records, 1), std::vector<TypeParam>(records, 1)};
    expect_right(random_factors<TypeParam>(outer_shape(records, 1, 9, 17)), scales);
  }
  expect_right(random_factors<TypeParam>(outer_shape(11, 60, 9, 40)), random_scales<TypeParam>(11));
}

// Time in front of records, as recurrent layers have it.
TYPED_TEST(WeightedProduct, TakesRecordsThatAreInterleaved) {
  OuterShape s{.records = 4, .positions = 6, .left_columns = 5, .right_columns = 3};
  s.left_record_stride = 5, s.left_position_stride = 20;
  s.right_record_stride = 3, s.right_position_stride = 12;
  RandomValues<TypeParam> random(3);
  expect_right<TypeParam>({s, random(120), random(72)}, random_scales<TypeParam>(4));
}

TYPED_TEST(WeightedProduct, LeavesOutWhatHasNoWeight) {
  Factors<TypeParam> f = random_factors<TypeParam>(outer_shape(6, 3, 9, 20));
  Scales<TypeParam> scales = random_scales<TypeParam>(6);
  for (std::size_t i = 0; i < 6; ++i) {
    if (scales.left[i] != 0 && scales.right[i] != 0) continue;
    for (std::size_t t = 0; t < 3; ++t) {
      std::fill_n(row_of(f.left, f.shape.left_record_stride, f.shape.left_position_stride, i, t), 9,
                  std::numeric_limits<TypeParam>::quiet_NaN());
      std::fill_n(row_of(f.right, f.shape.right_record_stride, f.shape.right_position_stride, i, t), 20,
                  std::numeric_limits<TypeParam>::infinity());
    }
  }
  expect_right(f, scales);
}

TYPED_TEST(WeightedProduct, GoesTheSameWayThroughThePublicFunction) {
  const Factors<TypeParam> f = random_factors<TypeParam>(outer_shape(6, 50, 21, 40));
  const Scales<TypeParam> scales = random_scales<TypeParam>(6);
  const std::vector<TypeParam> zeros(21 * (40 + kGap));
  std::vector<TypeParam> sum = zeros;
  std::vector<unsigned char> scratch(weighted_product_scratch<TypeParam>(f.shape));
  add_weighted_product(f.shape, f.left.data(), f.right.data(), scales.left.data(), scales.right.data(), sum.data(),
                       40 + kGap, scratch.data());
  EXPECT_EQ(sum, sum_of(detail::supported_product_kernels().front(), f, scales, zeros));
}

}  // namespace
}  // namespace sotto::kernels::testing
