// The CUDA twin of the Gram norms, executed on the processor.

#include <gtest/gtest.h>

#include <limits>

#include "../../../kernels/gram_norms_cuda.cu"
#include "../gram_cases.h"
#include "runs.h"

namespace sotto::kernels::testing {
namespace {

// computed of all records, then bound.
template <class T>
std::vector<double> norms_of(const GramCase<T>& c, unsigned block) {
  const Exact<T> left(c.left), right(c.right);
  const Exact<double> scratch(std::vector<double>(cuda::gram_norm_scratch(c.shape) / sizeof(double), std::nan("")));
  const Exact<double> out(std::vector<double>(2 * c.shape.records, -1));
  cuda::gram_norms(c.shape, left.get(), right.get(), scratch.get(), out.get(), out.get() + c.shape.records, nullptr,
                   block);
  return out.to_vector();
}

template <class T>
void expect_within_bound(const GramCase<T>& c, const std::vector<double>& norms) {
  const double factor = cuda::gram_norm_factor<T>(c.shape);
  const std::size_t records = c.shape.records;
  const auto columns = static_cast<double>(c.shape.left_columns + c.shape.right_columns);
  std::vector<unsigned char> scratch(gram_norm_scratch<T>(c.shape));
  std::vector<double> computed(records), bound(records);
  gram_norms(c.shape, c.left.data(), c.right.data(), scratch.data(), computed.data(), bound.data());
  for (std::size_t i = 0; i < records; ++i) {
    const OuterTruth truth = truth_of(c, i);
    const double slack = factor * norms[records + i] * norms[records + i];
    EXPECT_NEAR(static_cast<double>(norms[i] - truth.squared_norm), 0, slack) << c.name;
    EXPECT_GE(norms[records + i], static_cast<double>(truth.bound) * (1 - 1e-14)) << c.name;
    EXPECT_LE(norms[records + i], static_cast<double>(truth.bound) * (1 + 1e-5 * (1 + 1e-3 * columns))) << c.name;
    EXPECT_NEAR(norms[i], computed[i], slack + gram_norm_factor<T>(c.shape) * bound[i] * bound[i]) << c.name;
  }
}

template <class T>
class GramNormsOnDevice : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(GramNormsOnDevice, Types);

TYPED_TEST(GramNormsOnDevice, AreWithinTheirBoundOfGradientsInLongDouble) {
  for (const std::size_t positions : sizes({1, 65, 130}, {65})) {
    for (const std::size_t p : sizes({1, 40}, {20})) {
      const auto c = random_gram<TypeParam>("random", outer_shape(2, positions, p, p / 2 + 1, 3));
      expect_within_bound(c, same_under_all<std::vector<double>>([&](unsigned block) { return norms_of(c, block); }));
    }
  }
}

TYPED_TEST(GramNormsOnDevice, OfRowsOfAllSizesAreWithinTheirBound) {
  for (const auto& c : gram_cases_of_all_sizes<TypeParam>(9, 7, 5)) expect_within_bound(c, norms_of(c, 64));
}

TYPED_TEST(GramNormsOnDevice, ThatCancelAreWithinTheirBound) {
  const auto c = cancelling_gram<TypeParam>(kThorough ? 64 : 8, 48, 48);
  expect_within_bound(c, norms_of(c, 64));
}

TEST(GramNormsOnDevice, KeepChainsShort) {
  GramCase<float> c = random_gram<float>("same sign", outer_shape(1, 2, kThorough ? 30000 : 100, 1));
  for (float& x : c.left) x = 1.0F + 0x1.9p-12F;
  expect_within_bound(c, norms_of(c, 64));
}

TYPED_TEST(GramNormsOnDevice, OfNothingAreZero) {
  for (const OuterShape shape : {outer_shape(2, 0, 4, 4), outer_shape(2, 3, 0, 4), outer_shape(2, 3, 4, 0)})
    EXPECT_EQ(norms_of(random_gram<TypeParam>("nothing", shape), 32), std::vector<double>(4, 0.0));
  EXPECT_TRUE(norms_of(random_gram<TypeParam>("nothing", outer_shape(0, 3, 4, 4)), 32).empty());
}

TYPED_TEST(GramNormsOnDevice, OfARecordThatIsNotFiniteAreNot) {
  const TypeParam infinity = std::numeric_limits<TypeParam>::infinity();
  for (const TypeParam poison : {std::numeric_limits<TypeParam>::quiet_NaN(), infinity, -infinity}) {
    for (const bool in_left : {false, true}) {
      GramCase<TypeParam> c = random_gram<TypeParam>("poison", outer_shape(3, 5, 7, 7));
      (in_left ? c.left : c.right)[5 * 7 + 9] = poison;
      for (TypeParam& x : in_left ? c.right : c.left) x = x > 0 ? x : 0;
      const std::vector<double> norms = norms_of(c, 64);
      EXPECT_FALSE(std::isfinite(norms[1] + norms[4]));
      EXPECT_TRUE(std::isfinite(norms[0] + norms[3] + norms[2] + norms[5]));
    }
  }
}

TEST(GramNormsOnDevice, RefuseBlocksThatNoDeviceTakes) {
  const auto c = random_gram<float>("random", outer_shape(1, 2, 3, 3));
  for (const unsigned block : {0U, 16U, 48U, 2048U}) EXPECT_THROW(norms_of(c, block), std::invalid_argument);
}

}  // namespace
}  // namespace sotto::kernels::testing
