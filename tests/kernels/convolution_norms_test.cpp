#include <gtest/gtest.h>
#include <sotto/kernels/tile_kernels.h>

#include <cstdint>
#include <limits>
#include <memory>

#include "convolution_cases.h"

namespace sotto::kernels::testing {
namespace {

constexpr std::size_t kGap = 3;  // between kept gradients

template <class T>
struct Result {
  std::vector<T> kept;
  std::vector<double> computed;
};

// On the instruction set `kernels`, with scratch of exactly the size it may touch.
template <class T>
Result<T> norms_of(const detail::TileKernels& kernels, const ConvolutionCase<T>& c, bool keep = true) {
  const std::size_t bytes = convolution_norm_scratch<T>(c.shape);
  const std::unique_ptr<unsigned char[]> scratch(new unsigned char[bytes]);
  for (std::size_t k = 0; k < bytes; ++k) scratch[k] = 0xff;
  const std::size_t past = reinterpret_cast<std::uintptr_t>(scratch.get()) % detail::kTileLine;
  unsigned char* const aligned = scratch.get() + (detail::kTileLine - past) % detail::kTileLine;
  const std::size_t stride = convolution_elements(c.shape) + kGap;
  Result<T> result{std::vector<T>(c.shape.records * stride, T{-7}), std::vector<double>(c.shape.records, -1)};
  T* const kept = keep ? result.kept.data() : nullptr;
  if constexpr (sizeof(T) == 4) {
    kernels.convolution_float(c.shape, c.image.data(), c.gradient.data(), kept, stride, aligned,
                              result.computed.data());
  } else {
    kernels.convolution_double(c.shape, c.image.data(), c.gradient.data(), kept, stride, aligned,
                               result.computed.data());
  }
  return result;
}

template <class T>
class ConvolutionNorms : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(ConvolutionNorms, Types);

template <class T>
void expect_right(const ConvolutionCase<T>& c) {
  const ConvolutionShape& s = c.shape;
  const std::size_t elements = convolution_elements(s);
  const double unit = std::numeric_limits<T>::epsilon() / 2;
  const double terms = static_cast<double>(s.images * s.out_height * s.out_width) * unit;
  for (const detail::TileKernels& kernels : detail::supported_tile_kernels()) {
    const Result<T> result = norms_of(kernels, c);
    for (std::size_t i = 0; i < s.records; ++i) {
      const ConvolutionTruth truth = truth_of(c, i);
      ASSERT_EQ(truth.gradient.size(), elements);
      long double norm = 0;
      for (std::size_t k = 0; k < elements; ++k) {
        const long double x = result.kept[i * (elements + kGap) + k];
        norm += x * x;
        ASSERT_NEAR(static_cast<double>(x - truth.gradient[k]), 0,
                    static_cast<double>(truth.magnitude[k]) * terms / (1 - terms))
            << kernels.name << ", kernel " << s.kernel_height << " x " << s.kernel_width << ", element " << k;
      }
      EXPECT_NEAR(result.computed[i], static_cast<double>(norm),
                  static_cast<double>(norm) * static_cast<double>(elements) * 0x1p-53);
      for (std::size_t k = 0; k < kGap; ++k) EXPECT_EQ(result.kept[i * (elements + kGap) + elements + k], T{-7});
    }
    EXPECT_EQ(norms_of(kernels, c, false).computed, result.computed) << kernels.name << ": dropped";
  }
}

TYPED_TEST(ConvolutionNorms, AreThoseOfTheGradientsInLongDouble) {
  for (const ConvolutionShape& shape : convolution_shapes()) expect_right(random_convolution<TypeParam>(shape));
}

TYPED_TEST(ConvolutionNorms, OfAllNumbersOfOutputsAreRight) {
  for (std::size_t outputs = 1; outputs <= 40; ++outputs)
    expect_right(random_convolution<TypeParam>({.records = 1,
                                                .channels = 2,
                                                .height = 5,
                                                .width = 4,
                                                .outputs = outputs,
                                                .kernel_height = 3,
                                                .kernel_width = 3}));
}

TYPED_TEST(ConvolutionNorms, OfNothingAreZero) {
  for (ConvolutionShape shape : convolution_shapes()) {
    shape.records = 0;
    expect_right(random_convolution<TypeParam>(shape));
  }
  ConvolutionShape no_places{
      .records = 2, .channels = 1, .height = 2, .width = 2, .outputs = 3, .kernel_height = 3, .kernel_width = 3};
  const auto c = random_convolution<TypeParam>(no_places);
  ASSERT_EQ(c.shape.out_height, 0U);
  expect_right(c);
}

TYPED_TEST(ConvolutionNorms, OfARecordThatIsNotFiniteAreNot) {
  const TypeParam infinity = std::numeric_limits<TypeParam>::infinity();
  for (const TypeParam poison : {std::numeric_limits<TypeParam>::quiet_NaN(), infinity, -infinity})
    for (const bool in_image : {false, true}) {
      auto c = random_convolution<TypeParam>({.records = 3,
                                              .channels = 2,
                                              .height = 4,
                                              .width = 4,
                                              .outputs = 5,
                                              .kernel_height = 3,
                                              .kernel_width = 3,
                                              .padding_y = 1,
                                              .padding_x = 1});
      (in_image ? c.image[c.shape.image_record_stride + 7] : c.gradient[c.shape.gradient_record_stride + 9]) = poison;
      for (const detail::TileKernels& kernels : detail::supported_tile_kernels()) {
        const auto computed = norms_of(kernels, c).computed;
        EXPECT_FALSE(std::isfinite(computed[1])) << kernels.name;
        EXPECT_TRUE(std::isfinite(computed[0] + computed[2]));
      }
    }
}

TYPED_TEST(ConvolutionNorms, TakeScratchOfAnyAlignment) {
  const auto c = random_convolution<TypeParam>(convolution_shapes()[0]);
  const auto expected = norms_of(detail::supported_tile_kernels().front(), c);
  for (const std::size_t past : {0, 1, 8, 63}) {
    std::vector<unsigned char> scratch(convolution_norm_scratch<TypeParam>(c.shape) + past);
    std::vector<double> computed(2);
    convolution_norms(c.shape, c.image.data(), c.gradient.data(), static_cast<TypeParam*>(nullptr), 0,
                      scratch.data() + past, computed.data());
    EXPECT_EQ(computed, expected.computed);
  }
}

TEST(ConvolutionNorms, RefuseShapesThatDoNotFit) {
  const ConvolutionShape good = random_convolution<float>(convolution_shapes()[4]).shape;
  const auto refused = [&](auto&& change) {
    ConvolutionShape shape = good;
    change(shape);
    const float* none = nullptr;
    EXPECT_THROW(convolution_norms(shape, none, none, nullptr, 0, nullptr, nullptr), std::invalid_argument);
  };
  refused([](ConvolutionShape& s) { s.groups = 0; });
  refused([](ConvolutionShape& s) { s.groups = 4; });
  refused([](ConvolutionShape& s) { s.outputs = 10; });
  refused([](ConvolutionShape& s) { s.out_height += 1; });
  refused([](ConvolutionShape& s) { s.out_width += 1; });
  refused([](ConvolutionShape& s) { s.images = std::size_t{1} << 40; });
}

}  // namespace
}  // namespace sotto::kernels::testing
