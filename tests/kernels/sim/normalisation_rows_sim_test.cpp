// The CUDA twin of the gradients of normalisations, executed on the processor.

#include <gtest/gtest.h>

#include <limits>

#include "../../../kernels/normalisation_rows_cuda.cu"
#include "../normalisation_cases.h"
#include "runs.h"

namespace sotto::kernels::testing {
namespace {

enum class Which { both, scale, shift };

// Rows of the scale, then of the shift.
template <class T>
std::vector<T> rows_of(const NormalisationCase<T>& c, unsigned block, Which which = Which::both) {
  const Exact<T> input(c.input), mean(c.mean), deviation(c.reciprocal_deviation), gradient(c.gradient);
  const Exact<T> scale(std::vector<T>(c.shape.records * c.shape.channels, -7));
  const Exact<T> shift(scale.to_vector());
  const bool bias = which == Which::shift;
  cuda::normalisation_rows(c.shape, bias ? nullptr : input.get(), bias ? nullptr : mean.get(),
                           bias ? nullptr : deviation.get(), gradient.get(), bias ? nullptr : scale.get(),
                           which == Which::scale ? nullptr : shift.get(), nullptr, block);
  std::vector<T> rows = scale.to_vector();
  const std::vector<T> shifts = shift.to_vector();
  rows.insert(rows.end(), shifts.begin(), shifts.end());
  return rows;
}

template <class T>
class NormalisationRowsOnDevice : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(NormalisationRowsOnDevice, Types);

TYPED_TEST(NormalisationRowsOnDevice, AreTheGradientsInLongDoubleAndThoseOfTheProcessor) {
  for (const NormalisationShape& shape : normalisation_shapes()) {
    if (!kThorough && shape.outer * shape.channels * shape.inner > 500) continue;
    const auto c = random_normalisation<TypeParam>(shape);
    const auto rows = same_under_all<std::vector<TypeParam>>([&](unsigned block) { return rows_of(c, block); });
    const std::size_t elements = shape.records * shape.channels;
    std::vector<TypeParam> scale(elements), shift(elements);
    normalisation_rows(c.shape, c.input.data(), c.mean.data(), c.reciprocal_deviation.data(), c.gradient.data(),
                       scale.data(), shift.data());
    const double error = normalisation_error<TypeParam>(shape);
    for (std::size_t i = 0; i < shape.records; ++i) {
      const NormalisationTruth truth = truth_of(c, i);
      for (std::size_t k = 0; k < shape.channels; ++k) {
        const std::size_t at = i * shape.channels + k;
        const double of_scale = error * static_cast<double>(truth.scale_magnitude[k]);
        const double of_shift = error * static_cast<double>(truth.shift_magnitude[k]);
        ASSERT_NEAR(static_cast<double>(rows[at] - truth.scale[k]), 0, of_scale);
        ASSERT_NEAR(static_cast<double>(rows[elements + at] - truth.shift[k]), 0, of_shift);
        ASSERT_NEAR(rows[at], scale[at], 2 * of_scale);
        ASSERT_NEAR(rows[elements + at], shift[at], 2 * of_shift);
      }
    }
  }
}

TYPED_TEST(NormalisationRowsOnDevice, OfScaleOrShiftAloneAreTheSame) {
  for (const NormalisationShape& shape : {layer_norm_shape(2, 5, 33), group_norm_shape(2, 2, 2, 3, 9)}) {
    const auto c = random_normalisation<TypeParam>(shape);
    const std::size_t elements = shape.records * shape.channels;
    const auto both = rows_of(c, 64), scale = rows_of(c, 64, Which::scale), shift = rows_of(c, 64, Which::shift);
    for (std::size_t k = 0; k < elements; ++k) {
      EXPECT_EQ(scale[k], both[k]);
      EXPECT_EQ(scale[elements + k], TypeParam{-7});
      EXPECT_EQ(shift[k], TypeParam{-7});
      EXPECT_EQ(shift[elements + k], both[elements + k]);
    }
  }
}

TEST(NormalisationRowsOnDevice, OfManyPlacesKeepSmallTerms) {
  constexpr std::size_t kPlaces = kThorough ? std::size_t{1} << 20U : 100;
  for (const bool rows : {false, true}) {
    NormalisationCase<float> c;
    c.shape = {.records = 1, .outer = rows ? kPlaces : 1, .channels = 1, .inner = rows ? 1 : kPlaces};
    c.gradient.assign(kPlaces, 1.1F);
    const float shift = rows_of(c, 256, Which::shift)[1];
    // A chain of 64, one of 2^20 / 8 / 64 sums, and pairs; rounding errors of equal terms.
    EXPECT_NEAR(shift / (1.1F * static_cast<double>(kPlaces)), 1.0, normalisation_error<float>(c.shape) / 8);
  }
}

TYPED_TEST(NormalisationRowsOnDevice, OfARecordThatIsNotFiniteStayInIt) {
  for (const NormalisationShape& shape : {layer_norm_shape(3, 5, 33), group_norm_shape(3, 1, 2, 3, 49)}) {
    auto c = random_normalisation<TypeParam>(shape);
    c.gradient[c.shape.gradient_record_stride + 40] = std::numeric_limits<TypeParam>::infinity();
    const auto rows = rows_of(c, 64);
    std::size_t bad = 0;
    for (std::size_t k = 0; k < rows.size(); ++k) {
      EXPECT_TRUE(std::isfinite(rows[k]) || k % (3 * shape.channels) / shape.channels == 1);
      bad += std::isfinite(rows[k]) ? 0 : 1;
    }
    EXPECT_EQ(bad, 2U);
  }
}

TEST(NormalisationRowsOnDevice, RefuseBlocksThatNoDeviceTakes) {
  const auto c = random_normalisation<float>(layer_norm_shape(1, 2, 3));
  for (const unsigned block : {0U, 16U, 48U, 2048U}) EXPECT_THROW(rows_of(c, block), std::invalid_argument);
}

}  // namespace
}  // namespace sotto::kernels::testing
