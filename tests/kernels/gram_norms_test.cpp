#include <gtest/gtest.h>
#include <sotto/kernels/gram_kernels.h>

#include <cstdint>
#include <limits>
#include <memory>

#include "gram_cases.h"

namespace sotto::kernels::testing {
namespace {

struct Norms {
  std::vector<double> computed, bound;
};

// On the instruction set `kernels`, with scratch of exactly the size it may touch.
template <class T>
Norms norms_of(const detail::GramKernels& kernels, const GramCase<T>& c) {
  const std::size_t bytes = gram_norm_scratch<T>(c.shape);
  const std::unique_ptr<unsigned char[]> scratch(new unsigned char[bytes]);
  for (std::size_t k = 0; k < bytes; ++k) scratch[k] = 0xff;
  const std::size_t past = reinterpret_cast<std::uintptr_t>(scratch.get()) % detail::kGramLine;
  unsigned char* const aligned = scratch.get() + (detail::kGramLine - past) % detail::kGramLine;
  Norms norms{std::vector<double>(c.shape.records, -1), std::vector<double>(c.shape.records, -1)};
  if constexpr (sizeof(T) == 4) {
    kernels.norm_float(c.shape, c.left.data(), c.right.data(), aligned, norms.computed.data(), norms.bound.data());
  } else {
    kernels.norm_double(c.shape, c.left.data(), c.right.data(), aligned, norms.computed.data(), norms.bound.data());
  }
  return norms;
}

template <class T>
void expect_within_bound(const GramCase<T>& c) {
  for (const detail::GramKernels& kernels : detail::supported_gram_kernels()) {
    const Norms norms = norms_of(kernels, c);
    const double factor = detail::gram_norm_factor<T>(kernels, c.shape);
    for (std::size_t i = 0; i < c.shape.records; ++i) {
      const OuterTruth truth = truth_of(c, i);
      const double slack = factor * norms.bound[i] * norms.bound[i];
      EXPECT_NEAR(static_cast<double>(norms.computed[i] - truth.squared_norm), 0, slack)
          << kernels.name << ", " << c.name << ", T " << c.shape.positions << ", p " << c.shape.left_columns << ", d "
          << c.shape.right_columns;
      EXPECT_NEAR(norms.bound[i], static_cast<double>(truth.bound), 1e-12 * static_cast<double>(truth.bound));
    }
  }
}

template <class T>
class GramNorms : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(GramNorms, Types);

TYPED_TEST(GramNorms, AreWithinTheirBoundOfGradientsInLongDouble) {
  for (const std::size_t positions : {1, 2, 3, 4, 5, 8, 13, 33})
    for (const std::size_t p : {1, 3, 16, 17, 64, 100})
      for (const std::size_t gap : {0, 5})
        expect_within_bound(random_gram<TypeParam>("random", outer_shape(3, positions, p, 2 * p / 3 + 1, gap)));
}

// Rows of more than kGramChain terms per lane, and more of them than stay in the first-level cache.
TYPED_TEST(GramNorms, OfLongRowsAreWithinTheirBound) {
  for (const std::size_t p : {511, 513, 2100})
    expect_within_bound(random_gram<TypeParam>("long", outer_shape(1, 21, p, 40)));
}

TYPED_TEST(GramNorms, OfNothingAreZero) {
  for (const OuterShape shape :
       {outer_shape(0, 3, 4, 4), outer_shape(2, 0, 4, 4), outer_shape(2, 3, 0, 4), outer_shape(2, 3, 4, 0)}) {
    const GramCase<TypeParam> c = random_gram<TypeParam>("nothing", shape);
    for (const detail::GramKernels& kernels : detail::supported_gram_kernels()) {
      const Norms norms = norms_of(kernels, c);
      EXPECT_EQ(norms.computed, std::vector<double>(shape.records, 0.0)) << kernels.name;
      EXPECT_EQ(norms.bound, std::vector<double>(shape.records, 0.0)) << kernels.name;
    }
  }
}

TYPED_TEST(GramNorms, ThatCancelAreWithinTheirBound) {
  expect_within_bound(cancelling_gram<TypeParam>(64, 96, 96));
}

// The factor is there for a reason: without it the norm of this record would be far too small, or negative.
TEST(GramNormsInFloat, WouldBeTooSmallWithoutTheirBound) {
  const GramCase<float> c = cancelling_gram<float>(64, 96, 96);
  const OuterTruth truth = truth_of(c, 0);
  for (const detail::GramKernels& kernels : detail::supported_gram_kernels()) {
    const Norms norms = norms_of(kernels, c);
    EXPECT_GT(std::abs(static_cast<double>(norms.computed[0] - truth.squared_norm)),
              1e-2 * static_cast<double>(truth.squared_norm))
        << kernels.name;
  }
}

TYPED_TEST(GramNorms, OfRowsOfAllSizesAreWithinTheirBound) {
  for (const auto& c : gram_cases_of_all_sizes<TypeParam>(11, 20, 9)) expect_within_bound(c);
}

// All products have the same sign and round the same way: chains as long as the row would leave the bound.
TEST(GramNormsInFloat, KeepChainsShort) {
  GramCase<float> c = random_gram<float>("same sign", outer_shape(1, 3, 500000, 1));
  for (float& x : c.left) x = 1.0F + 0x1.9p-12F;
  expect_within_bound(c);
}

TYPED_TEST(GramNorms, OfARecordThatIsNotFiniteAreNot) {
  const TypeParam infinity = std::numeric_limits<TypeParam>::infinity();
  for (const TypeParam poison : {std::numeric_limits<TypeParam>::quiet_NaN(), infinity, -infinity})
    for (const bool in_left : {false, true})
      for (std::size_t at = 0; at < 6 * 7; at += 5) {
        GramCase<TypeParam> c = random_gram<TypeParam>("poison", outer_shape(3, 6, 7, 7));
        (in_left ? c.left : c.right)[6 * 7 + at] = poison;
        for (TypeParam& x : in_left ? c.right : c.left) x = x > 0 ? x : 0;  // what is infinite meets zeros too
        for (const detail::GramKernels& kernels : detail::supported_gram_kernels()) {
          const Norms norms = norms_of(kernels, c);
          EXPECT_FALSE(std::isfinite(norms.computed[1] + norms.bound[1])) << kernels.name << " at " << at;
          EXPECT_TRUE(std::isfinite(norms.computed[0] + norms.bound[0]));
          EXPECT_TRUE(std::isfinite(norms.computed[2] + norms.bound[2]));
        }
      }
}

TEST(GramNormsInDouble, BeyondTheRangeOfDoubleAreNotFinite) {
  GramCase<double> c = random_gram<double>("huge", outer_shape(1, 5, 3, 3));
  scale_rows(c.left, 5, 3, [](std::size_t) { return 900; });
  for (const detail::GramKernels& kernels : detail::supported_gram_kernels())
    EXPECT_FALSE(std::isfinite(norms_of(kernels, c).computed[0])) << kernels.name;
}

TYPED_TEST(GramNorms, ArePaddedWithRowsOfZerosForFree) {
  GramCase<TypeParam> c = random_gram<TypeParam>("padded", outer_shape(1, 10, 8, 8));
  for (std::size_t k = 6 * 8; k < 10 * 8; ++k) c.left[k] = 0;
  GramCase<TypeParam> cut = c;
  cut.shape.positions = 6;
  for (const detail::GramKernels& kernels : detail::supported_gram_kernels()) {
    EXPECT_DOUBLE_EQ(norms_of(kernels, c).bound[0], norms_of(kernels, cut).bound[0]);
    EXPECT_NEAR(norms_of(kernels, c).computed[0] / norms_of(kernels, cut).computed[0], 1.0, 1e-14);
  }
}

TYPED_TEST(GramNorms, TakeScratchOfAnyAlignment) {
  const GramCase<TypeParam> c = random_gram<TypeParam>("random", outer_shape(2, 5, 9, 4));
  const Norms expected = norms_of(detail::supported_gram_kernels().front(), c);
  for (const std::size_t past : {0, 1, 8, 63}) {
    std::vector<unsigned char> scratch(gram_norm_scratch<TypeParam>(c.shape) + past);
    Norms norms{std::vector<double>(2), std::vector<double>(2)};
    gram_norms(c.shape, c.left.data(), c.right.data(), scratch.data() + past, norms.computed.data(),
               norms.bound.data());
    EXPECT_EQ(norms.computed, expected.computed);
    EXPECT_EQ(norms.bound, expected.bound);
  }
}

}  // namespace
}  // namespace sotto::kernels::testing
