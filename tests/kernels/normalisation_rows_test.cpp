#include <gtest/gtest.h>
#include <sotto/kernels/place_kernels.h>

#include <limits>

#include "normalisation_cases.h"

namespace sotto::kernels::testing {
namespace {

template <class T>
struct Rows {
  std::vector<T> scale, shift;
};

template <class T>
Rows<T> rows_of(const NormalisationCase<T>& c, const detail::NormalisationKernel<T>& kernel) {
  const std::size_t elements = c.shape.records * c.shape.channels;
  Rows<T> rows{std::vector<T>(elements, -7), std::vector<T>(elements, -7)};
  kernel.rows(c.shape, c.input.data(), c.mean.data(), c.reciprocal_deviation.data(), c.gradient.data(),
              rows.scale.data(), rows.shift.data());
  return rows;
}
template <class T>
Rows<T> rows_of(const NormalisationCase<T>& c) {
  return rows_of(c, detail::supported_normalisation_kernels<T>().front());
}

template <class T>
class NormalisationRows : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(NormalisationRows, Types);

TYPED_TEST(NormalisationRows, AreTheGradientsInLongDouble) {
  for (const NormalisationShape& shape : normalisation_shapes()) {
    const auto c = random_normalisation<TypeParam>(shape);
    for (const auto& kernel : detail::supported_normalisation_kernels<TypeParam>()) {
      const Rows<TypeParam> rows = rows_of(c, kernel);
      const double error = normalisation_error<TypeParam>(shape);
      for (std::size_t i = 0; i < shape.records; ++i) {
        const NormalisationTruth truth = truth_of(c, i);
        for (std::size_t k = 0; k < shape.channels; ++k) {
          const std::size_t at = i * shape.channels + k;
          ASSERT_NEAR(static_cast<double>(rows.scale[at] - truth.scale[k]), 0,
                      error * static_cast<double>(truth.scale_magnitude[k]))
              << kernel.name << ", outer " << shape.outer << ", channels " << shape.channels << ", inner "
              << shape.inner;
          ASSERT_NEAR(static_cast<double>(rows.shift[at] - truth.shift[k]), 0,
                      error * static_cast<double>(truth.shift_magnitude[k]));
        }
      }
    }
  }
}

// A bias has no input and no statistics; a scale may come without a shift.
TYPED_TEST(NormalisationRows, OfScaleOrShiftAloneAreTheSame) {
  for (const NormalisationShape& shape : normalisation_shapes()) {
    const auto c = random_normalisation<TypeParam>(shape);
    const Rows<TypeParam> both = rows_of(c);
    const TypeParam* none = nullptr;
    std::vector<TypeParam> alone(both.shift.size(), -7);
    normalisation_rows(c.shape, none, none, none, c.gradient.data(), nullptr, alone.data());
    EXPECT_EQ(alone, both.shift);
    alone.assign(alone.size(), -7);
    normalisation_rows(c.shape, c.input.data(), c.mean.data(), c.reciprocal_deviation.data(), c.gradient.data(),
                       alone.data(), nullptr);
    EXPECT_EQ(alone, both.scale);
  }
}

// In one chain of floats the small terms would vanish beside the large sum.
TEST(NormalisationRowsInFloat, OfManyPlacesKeepSmallTerms) {
  constexpr std::size_t kPlaces = std::size_t{1} << 22U;
  for (const bool rows : {false, true}) {
    NormalisationShape shape{.records = 1, .outer = rows ? kPlaces : 1, .channels = 1, .inner = rows ? 1 : kPlaces};
    shape.gradient_record_stride = kPlaces;
    const std::vector<float> gradient(kPlaces, 1.1F);
    const float* none = nullptr;
    for (const auto& kernel : detail::supported_normalisation_kernels<float>()) {
      float shift = 0;
      kernel.rows(shape, none, none, none, gradient.data(), nullptr, &shift);
      EXPECT_NEAR(shift / (1.1F * static_cast<double>(kPlaces)), 1.0, 68 * 0x1p-24) << kernel.name;
    }
  }
}

TYPED_TEST(NormalisationRows, OfARecordThatIsNotFiniteStayInIt) {
  for (const NormalisationShape& shape : {layer_norm_shape(3, 5, 33), group_norm_shape(3, 1, 2, 3, 49)}) {
    for (const bool in_input : {false, true}) {
      auto c = random_normalisation<TypeParam>(shape);
      (in_input ? c.input[c.shape.input_record_stride + 40] : c.gradient[c.shape.gradient_record_stride + 40]) =
          std::numeric_limits<TypeParam>::infinity();
      const Rows<TypeParam> rows = rows_of(c);
      std::size_t bad = 0;
      for (std::size_t k = 0; k < rows.scale.size(); ++k) {
        const bool finite = std::isfinite(rows.scale[k] + rows.shift[k]);
        EXPECT_TRUE(finite || k / shape.channels == 1);
        bad += finite ? 0 : 1;
      }
      EXPECT_EQ(bad, 1U);
    }
  }
}

}  // namespace
}  // namespace sotto::kernels::testing
