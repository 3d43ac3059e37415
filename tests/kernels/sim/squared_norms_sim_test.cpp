// The CUDA twins of the passes over kept gradients, executed on the processor.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "../../../kernels/squared_norms_cuda.cu"
#include "../random_values.h"
#include "runs.h"

namespace sotto::kernels::testing {
namespace {

constexpr double kUnit = 0x1p-53;
const std::vector<std::size_t> kColumns = sizes({0, 1, 33, 1023, 2500}, {1100});
const std::vector<std::size_t> kRows = sizes({0, 1, 3}, {2});

template <class T>
class SquaredNormsOnDevice : public ::testing::Test {
 protected:
  RandomValues<T> random{12};
};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(SquaredNormsOnDevice, Types);

TYPED_TEST(SquaredNormsOnDevice, NormsMatchLongDouble) {
  for (const std::size_t rows : kRows) {
    for (const std::size_t columns : kColumns) {
      for (const std::size_t gap : {0U, 3U}) {
        const std::size_t stride = columns + gap;
        const Exact<TypeParam> values(this->random(rows == 0 ? 0 : (rows - 1) * stride + columns));
        const auto out = same_under_all<std::vector<double>>([&](unsigned block) {
          const Exact<double> result(std::vector<double>(rows, 0.5));
          cuda::add_row_squared_norms(values.get(), rows, columns, stride, result.get(), nullptr, block);
          return result.to_vector();
        });
        for (std::size_t i = 0; i < rows; ++i) {
          long double expected = 0.5;
          for (std::size_t j = 0; j < columns; ++j)
            expected += static_cast<long double>(values.get()[i * stride + j]) * values.get()[i * stride + j];
          const auto bound = static_cast<double>(expected) * kUnit * (static_cast<double>(columns) + 1);
          ASSERT_NEAR(static_cast<double>(out[i] - expected), 0, bound) << rows << " x " << columns;
        }
      }
    }
  }
}

TYPED_TEST(SquaredNormsOnDevice, WeightedSumMatchesLongDouble) {
  const double unit = std::numeric_limits<TypeParam>::epsilon();
  std::vector<std::pair<std::size_t, std::size_t>> shapes = {{128, 3}, {129, 1}, {300, 5}, {513, 33}};
  for (const std::size_t rows : kRows) {
    for (const std::size_t columns : kColumns) shapes.push_back({rows, columns});
  }
  for (const auto& shape : shapes) {
    const std::size_t rows = shape.first, columns = shape.second;  // clang 14 captures no structured bindings
    const std::size_t stride = columns + 3;
    const Exact<TypeParam> values(this->random(rows == 0 ? 0 : (rows - 1) * stride + columns));
    std::vector<TypeParam> weights = this->random(rows);
    if (rows > 1) weights[1] = 0;
    const Exact<TypeParam> w(weights);
    const auto out = same_under_all<std::vector<TypeParam>>([&](unsigned block) {
      const Exact<TypeParam> result(std::vector<TypeParam>(columns, TypeParam{2}));
      const Exact<double> scratch(
          std::vector<double>(cuda::weighted_row_sum_scratch(rows, columns) / sizeof(double), std::nan("")));
      cuda::add_weighted_row_sum(values.get(), rows, columns, stride, w.get(), scratch.get(), result.get(), nullptr,
                                 block);
      return result.to_vector();
    });
    for (std::size_t j = 0; j < columns; ++j) {
      long double expected = 2, size = 2;
      for (std::size_t i = 0; i < rows; ++i) {
        const long double term = static_cast<long double>(weights[i]) * values.get()[i * stride + j];
        expected += term;
        size += std::abs(term);
      }
      const double bound = static_cast<double>(size) * (2 * unit + kUnit * (static_cast<double>(rows) + 2));
      ASSERT_NEAR(static_cast<double>(out[j] - expected), 0, bound) << rows << " x " << columns;
    }
  }
}

TYPED_TEST(SquaredNormsOnDevice, NoFiniteFloatOverflows) {
  const TypeParam large = std::is_same_v<TypeParam, float> ? std::numeric_limits<TypeParam>::max() : TypeParam(1e150);
  const Exact<TypeParam> values(std::vector<TypeParam>(70, large));
  double out = 0;
  cuda::add_row_squared_norms(values.get(), 1, 70, 70, &out, nullptr, 32);
  EXPECT_NEAR(out / (70.0 * large * large), 1.0, 1e-13);
}

TYPED_TEST(SquaredNormsOnDevice, ARowThatIsNotFiniteStaysAlone) {
  const auto nan = std::numeric_limits<TypeParam>::quiet_NaN();
  const Exact<TypeParam> values(std::vector<TypeParam>{1, 2, nan, 3, 4, 5});
  const Exact<double> norms(std::vector<double>(3, 0.0));
  cuda::add_row_squared_norms(values.get(), 3, 2, 2, norms.get(), nullptr, 64);
  EXPECT_EQ(norms.get()[0], 5);
  EXPECT_TRUE(std::isnan(norms.get()[1]));
  EXPECT_EQ(norms.get()[2], 41);
  const Exact<TypeParam> w(std::vector<TypeParam>{1, 0, 2});
  const Exact<TypeParam> sum(std::vector<TypeParam>(2, 0));
  cuda::add_weighted_row_sum(values.get(), 3, 2, 2, w.get(), nullptr, sum.get(), nullptr, 32);
  EXPECT_EQ(sum.to_vector(), (std::vector<TypeParam>{9, 12}));
}

TYPED_TEST(SquaredNormsOnDevice, RefusesBlocksThatNoDeviceTakes) {
  const Exact<TypeParam> values(std::vector<TypeParam>(4, 1));
  double out = 0;
  for (const unsigned block : {0U, 16U, 48U, 2048U})
    EXPECT_THROW(cuda::add_row_squared_norms(values.get(), 1, 4, 4, &out, nullptr, block), std::invalid_argument);
}

}  // namespace
}  // namespace sotto::kernels::testing
