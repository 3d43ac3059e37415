#include <gtest/gtest.h>
#include <sotto/kernels/place_kernels.h>

#include <limits>

#include "embedding_cases.h"

namespace sotto::kernels::testing {
namespace {

struct Norms {
  std::vector<double> computed, bound;
};

template <class T>
Norms norms_on(const detail::EmbeddingKernel<T>& kernel, const EmbeddingCase<T>& c) {
  std::vector<unsigned char> scratch(embedding_norm_scratch(c.shape), 0xff);
  Norms norms{std::vector<double>(c.shape.records, -1), std::vector<double>(c.shape.records, -1)};
  kernel.norms(c.shape, c.tokens.data(), c.scale.empty() ? nullptr : c.scale.data(), c.gradient.data(), scratch.data(),
               norms.computed.data(), norms.bound.data());
  return norms;
}

// On the best instruction set; those of the others must be within the bound of it.
template <class T>
Norms norms_of(const EmbeddingCase<T>& c) {
  const auto kernels = detail::supported_embedding_kernels<T>();
  const Norms best = norms_on(kernels.front(), c);
  for (const auto& kernel : kernels) {
    const Norms norms = norms_on(kernel, c);
    for (std::size_t i = 0; i < c.shape.records; ++i) {
      EXPECT_EQ(std::isfinite(norms.computed[i] + norms.bound[i]), std::isfinite(best.computed[i] + best.bound[i]));
      if (!std::isfinite(best.computed[i] + best.bound[i])) continue;
      const double slack = embedding_norm_factor(c.shape) * best.bound[i] * best.bound[i];
      EXPECT_NEAR(norms.computed[i], best.computed[i], 2 * slack) << kernel.name;
      EXPECT_NEAR(norms.bound[i], best.bound[i], 1e-13 * best.bound[i]) << kernel.name;
    }
  }
  return best;
}

template <class T>
void expect_within_bound(const EmbeddingCase<T>& c) {
  const Norms norms = norms_of(c);
  for (std::size_t i = 0; i < c.shape.records; ++i) {
    const EmbeddingTruth truth = truth_of(c, i);
    EXPECT_NEAR(static_cast<double>(norms.computed[i] - truth.squared_norm), 0,
                embedding_norm_factor(c.shape) * norms.bound[i] * norms.bound[i])
        << "T " << c.shape.positions << ", n " << c.shape.positions_per_row << ", d " << c.shape.columns;
    EXPECT_NEAR(norms.bound[i], static_cast<double>(truth.bound), 1e-13 * static_cast<double>(truth.bound));
  }
}

template <class T>
class EmbeddingNorms : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(EmbeddingNorms, Types);

TYPED_TEST(EmbeddingNorms, AreThoseOfTablesInLongDouble) {
  for (const std::size_t positions : {0, 1, 2, 7, 64, 300})
    for (const std::size_t columns : {0, 1, 5, 33})
      for (const std::uint64_t vocabulary : {1, 3, 50, 1000000})
        for (const bool scaled : {false, true})
          expect_within_bound(random_embedding<TypeParam>(3, positions, 1, columns, vocabulary, scaled));
  expect_within_bound(random_embedding<TypeParam>(0, 5, 1, 4, 9, false));
}

TYPED_TEST(EmbeddingNorms, OfBagsAreThoseOfTablesInLongDouble) {
  for (const std::size_t bags : {1, 2, 5})
    for (const std::size_t per_bag : {1, 2, 12})
      for (const std::uint64_t vocabulary : {1, 4, 1000})
        for (const bool scaled : {false, true})
          expect_within_bound(random_embedding<TypeParam>(3, bags * per_bag, per_bag, 9, vocabulary, scaled));
}

TYPED_TEST(EmbeddingNorms, ThatCancelAreWithinTheirBound) {
  const auto c = cancelling_embedding<TypeParam>(20, 15);
  expect_within_bound(c);
  const double expected = static_cast<double>(truth_of(c, 0).squared_norm);
  EXPECT_NEAR(norms_of(c).computed[0] / expected, 1, 1e-6);
}

TYPED_TEST(EmbeddingNorms, LeavePaddingOutEvenIfItIsNotFinite) {
  auto c = random_embedding<TypeParam>(2, 12, 1, 5, 4, true);
  c.shape.padding = 2;
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t t = 0; t < 12; ++t) {
      if (c.tokens[i * 14 + t] != 2) continue;
      c.scale[i * 14 + t] = std::numeric_limits<TypeParam>::quiet_NaN();
      for (std::size_t j = 0; j < 5; ++j) c.gradient[i * 97 + t * 8 + j] = std::numeric_limits<TypeParam>::quiet_NaN();
    }
  const Norms norms = norms_of(c);
  for (std::size_t i = 0; i < 2; ++i)
    EXPECT_NEAR(norms.computed[i] / static_cast<double>(truth_of(c, i).squared_norm), 1, 1e-12);
}

TYPED_TEST(EmbeddingNorms, OfARecordOfPaddingAloneAreZero) {
  auto c = random_embedding<TypeParam>(1, 6, 1, 3, 1, false);
  c.shape.padding = 0;
  EXPECT_EQ(norms_of(c).computed[0], 0);
  EXPECT_EQ(norms_of(c).bound[0], 0);
}

TYPED_TEST(EmbeddingNorms, OfARecordThatIsNotFiniteAreNot) {
  const TypeParam infinity = std::numeric_limits<TypeParam>::infinity();
  for (const TypeParam poison : {std::numeric_limits<TypeParam>::quiet_NaN(), infinity, -infinity})
    for (const std::size_t per_row : {1, 4})
      for (std::size_t row = 0; row < 8 / per_row; ++row) {
        auto c = random_embedding<TypeParam>(3, 8, per_row, 5, 6, true);
        c.gradient[c.shape.gradient_record_stride + row * 8 + 3] = poison;
        const Norms norms = norms_of(c);
        EXPECT_FALSE(std::isfinite(norms.computed[1] + norms.bound[1]));
        EXPECT_TRUE(std::isfinite(norms.computed[0] + norms.computed[2] + norms.bound[0] + norms.bound[2]));
      }
}

TEST(EmbeddingNorms, OfTheLargestAndTheSmallestFloatsAreExact) {
  EmbeddingCase<float> c;
  c.shape = {1, 3, 1, 2, 3, 6, 2, -1};
  c.tokens = {5, 6, 5};
  for (const float x : {std::numeric_limits<float>::max(), std::numeric_limits<float>::denorm_min()}) {
    c.gradient.assign(6, x);
    EXPECT_DOUBLE_EQ(norms_of(c).computed[0], 10.0 * x * x);
  }
}

TYPED_TEST(EmbeddingNorms, TakeScratchOfAnyAlignment) {
  const auto c = random_embedding<TypeParam>(2, 9, 3, 4, 5, true);
  const Norms expected = norms_of(c);
  for (const std::size_t past : {0, 1, 4, 7}) {
    std::vector<unsigned char> scratch(embedding_norm_scratch(c.shape) + past);
    Norms norms{std::vector<double>(2), std::vector<double>(2)};
    embedding_norms(c.shape, c.tokens.data(), c.scale.data(), c.gradient.data(), scratch.data() + past,
                    norms.computed.data(), norms.bound.data());
    EXPECT_EQ(norms.computed, expected.computed);
  }
}

}  // namespace
}  // namespace sotto::kernels::testing
