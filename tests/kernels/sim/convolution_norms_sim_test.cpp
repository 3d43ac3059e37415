// The CUDA twin of the norms of convolutions, executed on the processor.

#include <gtest/gtest.h>

#include <limits>

#include "../../../kernels/convolution_norms_cuda.cu"
#include "../convolution_cases.h"
#include "runs.h"

namespace sotto::kernels::testing {
namespace {

constexpr std::size_t kGap = 3;

// computed of all records, then what was kept.
template <class T>
std::vector<double> norms_of(const ConvolutionCase<T>& c, unsigned block, bool keep = true) {
  const Exact<T> image(c.image), gradient(c.gradient);
  const std::size_t records = c.shape.records, elements = convolution_elements(c.shape);
  const Exact<double> scratch(
      std::vector<double>(cuda::convolution_norm_scratch(c.shape) / sizeof(double), std::nan("")));
  const Exact<T> kept(std::vector<T>(records == 0 ? 0 : records * (elements + kGap) - kGap, T{-7}));
  const Exact<double> computed(std::vector<double>(records, -1));
  cuda::convolution_norms(c.shape, image.get(), gradient.get(), keep ? kept.get() : nullptr, elements + kGap,
                          scratch.get(), computed.get(), nullptr, block);
  std::vector<double> all = computed.to_vector();
  for (const T x : kept.to_vector()) all.push_back(x);
  return all;
}

template <class T>
void expect_right(const ConvolutionCase<T>& c, const std::vector<double>& result) {
  const ConvolutionShape& s = c.shape;
  const std::size_t elements = convolution_elements(s);
  const double unit = std::numeric_limits<T>::epsilon() / 2;
  const double terms = static_cast<double>(s.images * s.out_height * s.out_width) * unit;
  std::vector<unsigned char> scratch(convolution_norm_scratch<T>(s));
  std::vector<double> on_processor(s.records);
  std::vector<T> kept(s.records * elements);
  convolution_norms(s, c.image.data(), c.gradient.data(), kept.data(), elements, scratch.data(), on_processor.data());
  for (std::size_t i = 0; i < s.records; ++i) {
    const ConvolutionTruth truth = truth_of(c, i);
    long double norm = 0;
    for (std::size_t k = 0; k < elements; ++k) {
      const double x = result[s.records + i * (elements + kGap) + k];
      const double bound = static_cast<double>(truth.magnitude[k]) * terms / (1 - terms);
      norm += static_cast<long double>(x) * x;
      ASSERT_NEAR(static_cast<double>(x - truth.gradient[k]), 0, bound) << "element " << k;
      ASSERT_NEAR(x, static_cast<double>(kept[i * elements + k]), 2 * bound) << "element " << k;
    }
    EXPECT_NEAR(result[i], static_cast<double>(norm),
                static_cast<double>(norm) * 0x1p-53 * static_cast<double>(elements));
  }
}

template <class T>
class ConvolutionNormsOnDevice : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(ConvolutionNormsOnDevice, Types);

TYPED_TEST(ConvolutionNormsOnDevice, AreThoseOfTheGradientsInLongDouble) {
  for (const ConvolutionShape& shape : convolution_shapes()) {
    const auto c = random_convolution<TypeParam>(shape);
    expect_right(c, norms_of(c, 64));
    EXPECT_EQ(norms_of(c, 64, false)[0], norms_of(c, 64)[0]);
  }
}

TYPED_TEST(ConvolutionNormsOnDevice, AreTheSameUnderAllSchedules) {
  for (const std::size_t which : sizes({0, 4, 7}, {4})) {
    const auto c = random_convolution<TypeParam>(convolution_shapes()[which]);
    expect_right(c, same_under_all<std::vector<double>>([&](unsigned block) { return norms_of(c, block); }));
  }
}

TYPED_TEST(ConvolutionNormsOnDevice, OfARecordThatIsNotFiniteAreNot) {
  const TypeParam infinity = std::numeric_limits<TypeParam>::infinity();
  for (const TypeParam poison : {std::numeric_limits<TypeParam>::quiet_NaN(), infinity, -infinity}) {
    auto c = random_convolution<TypeParam>({.records = 3,
                                            .channels = 2,
                                            .height = 4,
                                            .width = 4,
                                            .outputs = 5,
                                            .kernel_height = 3,
                                            .kernel_width = 3,
                                            .padding_y = 1,
                                            .padding_x = 1});
    c.image[c.shape.image_record_stride + 7] = poison;
    const auto result = norms_of(c, 64);
    EXPECT_FALSE(std::isfinite(result[1]));
    EXPECT_TRUE(std::isfinite(result[0] + result[2]));
  }
}

TYPED_TEST(ConvolutionNormsOnDevice, OfNothingAreZero) {
  const auto c = random_convolution<TypeParam>(
      {.records = 2, .channels = 1, .height = 2, .width = 2, .outputs = 3, .kernel_height = 3, .kernel_width = 3});
  expect_right(c, norms_of(c, 32));
  ConvolutionShape none = convolution_shapes()[2];
  none.records = 0;
  EXPECT_TRUE(norms_of(random_convolution<TypeParam>(none), 32).empty());
}

TEST(ConvolutionNormsOnDevice, RefuseWhatNoDeviceTakes) {
  auto c = random_convolution<float>(convolution_shapes()[4]);
  for (const unsigned block : {0U, 16U, 48U, 2048U}) EXPECT_THROW(norms_of(c, block), std::invalid_argument);
  c.shape.out_width += 1;
  EXPECT_THROW(norms_of(c, 64), std::invalid_argument);
}

}  // namespace
}  // namespace sotto::kernels::testing
