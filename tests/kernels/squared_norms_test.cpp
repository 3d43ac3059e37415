#include <gtest/gtest.h>
#include <sotto/kernels/row_kernels.h>
#include <sotto/kernels/squared_norms.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "random_values.h"

namespace sotto::kernels {
namespace {

constexpr double kUnit = 0x1p-53;

template <class T>
class SquaredNorms : public ::testing::Test {
 protected:
  testing::RandomValues<T> random{11};
};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(SquaredNorms, Types);

constexpr std::size_t kColumns[] = {0, 1, 2, 7, 8, 31, 32, 33, 63, 64, 65, 100, 1000, 2047, 2048, 2049, 5000};
constexpr std::size_t kRows[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 17};

// On every instruction set of this machine.
TYPED_TEST(SquaredNorms, NormsMatchLongDouble) {
  for (const auto& kernels : detail::supported_row_kernels<TypeParam>())
    for (std::size_t rows : kRows)
      for (std::size_t columns : kColumns)
        for (std::size_t gap : {0u, 3u}) {
          const std::size_t stride = columns + gap;
          const auto values = this->random(rows * stride);
          std::vector<double> out(rows + 1, 0.5);
          kernels.squared_norms(values.data(), rows, columns, stride, out.data());
          for (std::size_t i = 0; i < rows; ++i) {
            long double expected = 0.5;
            for (std::size_t j = 0; j < columns; ++j)
              expected += static_cast<long double>(values[i * stride + j]) * values[i * stride + j];
            const auto bound = static_cast<double>(expected) * kUnit * (static_cast<double>(columns) + 1);
            ASSERT_NEAR(static_cast<double>(out[i] - expected), 0, bound) << kernels.name << rows << " x " << columns;
          }
          ASSERT_EQ(out[rows], 0.5);
        }
}

TYPED_TEST(SquaredNorms, WeightedSumMatchesLongDouble) {
  for (const auto& kernels : detail::supported_row_kernels<TypeParam>())
    for (std::size_t rows : kRows)
      for (std::size_t columns : kColumns)
        for (std::size_t gap : {0u, 3u}) {
          const std::size_t stride = columns + gap;
          const auto values = this->random(rows * stride);
          auto w = this->random(rows);
          if (rows > 2) w[1] = 0;
          std::vector<TypeParam> y(columns + 1, TypeParam{0.25});
          kernels.weighted_sum(values.data(), rows, columns, stride, w.data(), y.data());
          for (std::size_t j = 0; j < columns; ++j) {
            long double expected = 0.25, magnitude = 0.25;
            for (std::size_t i = 0; i < rows; ++i) {
              const long double term = static_cast<long double>(w[i]) * values[i * stride + j];
              expected += term;
              magnitude += std::abs(term);
            }
            const double unit = std::numeric_limits<TypeParam>::epsilon() / 2;
            const auto bound = static_cast<double>(magnitude) * (2 * unit + kUnit * (static_cast<double>(rows) + 1));
            ASSERT_NEAR(static_cast<double>(y[j] - expected), 0, bound) << kernels.name << rows << " x " << columns;
          }
          ASSERT_EQ(y[columns], TypeParam{0.25});
        }
}

TYPED_TEST(SquaredNorms, TheBestInstructionSetIsUsed) {
  const std::size_t rows = 5, columns = 100;
  const auto values = this->random(rows * columns), w = this->random(rows);
  const auto best = detail::supported_row_kernels<TypeParam>().front();
  std::vector<double> norms(rows), expected_norms(rows);
  std::vector<TypeParam> sum(columns), expected_sum(columns);
  add_row_squared_norms(values.data(), rows, columns, columns, norms.data());
  add_weighted_row_sum(values.data(), rows, columns, columns, w.data(), sum.data());
  best.squared_norms(values.data(), rows, columns, columns, expected_norms.data());
  best.weighted_sum(values.data(), rows, columns, columns, w.data(), expected_sum.data());
  EXPECT_EQ(norms, expected_norms);
  EXPECT_EQ(sum, expected_sum);
}

// A weight of 0 must select, not multiply: 0 * NaN would poison the sum.
TYPED_TEST(SquaredNorms, RowOfWeightZeroAddsNothingEvenIfNotFinite) {
  const std::size_t rows = 9, columns = 100;
  for (TypeParam poison : {std::numeric_limits<TypeParam>::quiet_NaN(), std::numeric_limits<TypeParam>::infinity()})
    for (std::size_t bad = 0; bad < rows; ++bad) {
      auto values = this->random(rows * columns);
      auto w = this->random(rows);
      w[bad] = (bad % 2 == 0) ? TypeParam{0} : -TypeParam{0};
      std::vector<TypeParam> clean(columns), y(columns);
      const auto before = values;
      for (std::size_t j = 0; j < columns; ++j) values[bad * columns + j] = poison;
      for (const auto& kernels : detail::supported_row_kernels<TypeParam>()) {
        std::fill(clean.begin(), clean.end(), TypeParam{0});
        std::fill(y.begin(), y.end(), TypeParam{0});
        kernels.weighted_sum(before.data(), rows, columns, columns, w.data(), clean.data());
        kernels.weighted_sum(values.data(), rows, columns, columns, w.data(), y.data());
        ASSERT_EQ(y, clean) << "row " << bad << ", " << kernels.name;
      }
    }
}

TYPED_TEST(SquaredNorms, NonFiniteElementGivesNonFiniteNormOfItsRowOnly) {
  const std::size_t columns = 77;
  const TypeParam infinity = std::numeric_limits<TypeParam>::infinity();
  for (TypeParam poison : {std::numeric_limits<TypeParam>::quiet_NaN(), infinity, -infinity})
    for (std::size_t j = 0; j < columns; ++j) {
      auto values = this->random(3 * columns);
      values[columns + j] = poison;
      std::vector<double> out(3);
      add_row_squared_norms(values.data(), 3, columns, columns, out.data());
      ASSERT_TRUE(std::isfinite(out[0]) && std::isfinite(out[2]));
      ASSERT_FALSE(std::isfinite(out[1])) << "column " << j;
    }
}

TEST(SquaredNorms, LargestFloatsDoNotOverflow) {
  const float largest = std::numeric_limits<float>::max();
  const std::vector<float> row(100, largest);
  double out = 0;
  add_row_squared_norms(row.data(), 1, row.size(), row.size(), &out);
  EXPECT_DOUBLE_EQ(out, 100.0 * largest * largest);
}

TEST(SquaredNorms, SmallestFloatsDoNotUnderflow) {
  const float smallest = std::numeric_limits<float>::denorm_min();
  const std::vector<float> row(100, smallest);
  double out = 0;
  add_row_squared_norms(row.data(), 1, row.size(), row.size(), &out);
  EXPECT_DOUBLE_EQ(out, 100.0 * smallest * smallest);
}

// In float the small rows would vanish beside the large ones.
TEST(SquaredNorms, WeightedSumOfFloatsIsTakenInDouble) {
  const std::vector<float> rows = {1e8f, 1.0f, 1.0f, -1e8f};
  const std::vector<float> w = {1, 1, 1, 1};
  float y = 0;
  add_weighted_row_sum(rows.data(), 4, 1, 1, w.data(), &y);
  EXPECT_EQ(y, 2.0f);
}

TEST(SquaredNorms, NullPointersAreFineWhenThereIsNothing) {
  add_row_squared_norms(static_cast<const float*>(nullptr), 0, 5, 5, nullptr);
  add_weighted_row_sum(static_cast<const float*>(nullptr), 3, 0, 0, static_cast<const float*>(nullptr),
                       static_cast<float*>(nullptr));
}

}  // namespace
}  // namespace sotto::kernels
