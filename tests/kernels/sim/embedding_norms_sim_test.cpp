// The CUDA twin of the embedding norms, executed on the processor.

#include <gtest/gtest.h>

#include <limits>

#include "../../../kernels/embedding_norms_cuda.cu"
#include "../embedding_cases.h"
#include "runs.h"

namespace sotto::kernels::testing {
namespace {

// computed of all records, then bound.
template <class T>
std::vector<double> norms_of(const EmbeddingCase<T>& c, unsigned block) {
  const Exact<std::int64_t> tokens(c.tokens);
  const Exact<T> scale(c.scale), gradient(c.gradient);
  const Exact<double> scratch(
      std::vector<double>(cuda::embedding_norm_scratch(c.shape) / sizeof(double), std::nan("")));
  const Exact<double> out(std::vector<double>(2 * c.shape.records, -1));
  cuda::embedding_norms(c.shape, tokens.get(), c.scale.empty() ? nullptr : scale.get(), gradient.get(), scratch.get(),
                        out.get(), out.get() + c.shape.records, nullptr, block);
  return out.to_vector();
}

template <class T>
void expect_within_bound(const EmbeddingCase<T>& c, const std::vector<double>& norms) {
  const std::size_t records = c.shape.records;
  const double factor = embedding_norm_factor(c.shape);
  std::vector<unsigned char> scratch(embedding_norm_scratch(c.shape));
  std::vector<double> computed(records), bound(records);
  embedding_norms(c.shape, c.tokens.data(), c.scale.empty() ? nullptr : c.scale.data(), c.gradient.data(),
                  scratch.data(), computed.data(), bound.data());
  for (std::size_t i = 0; i < records; ++i) {
    const EmbeddingTruth truth = truth_of(c, i);
    const double slack = factor * norms[records + i] * norms[records + i];
    EXPECT_NEAR(static_cast<double>(norms[i] - truth.squared_norm), 0, slack);
    EXPECT_NEAR(norms[records + i], static_cast<double>(truth.bound), 1e-13 * static_cast<double>(truth.bound));
    EXPECT_NEAR(norms[i], computed[i], 2 * slack);
  }
}

template <class T>
class EmbeddingNormsOnDevice : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(EmbeddingNormsOnDevice, Types);

TYPED_TEST(EmbeddingNormsOnDevice, AreThoseOfTablesInLongDouble) {
  for (const std::size_t positions : sizes({0, 1, 40, 300}, {20})) {
    for (const std::size_t columns : sizes({1, 33}, {33})) {
      for (const std::uint64_t vocabulary : {3, 1000}) {
        const auto c = random_embedding<TypeParam>(2, positions, 1, columns, vocabulary, columns == 33);
        expect_within_bound(c, same_under_all<std::vector<double>>([&](unsigned block) { return norms_of(c, block); }));
      }
    }
  }
}

TYPED_TEST(EmbeddingNormsOnDevice, OfBagsAreThoseOfTablesInLongDouble) {
  for (const std::size_t per_bag : {1, 2, 12}) {
    for (const bool scaled : {false, true}) {
      const auto c = random_embedding<TypeParam>(2, 3 * per_bag, per_bag, 9, 5, scaled);
      expect_within_bound(c, norms_of(c, 64));
    }
  }
}

TYPED_TEST(EmbeddingNormsOnDevice, ThatCancelAreWithinTheirBound) {
  const auto c = cancelling_embedding<TypeParam>(20, 15);
  expect_within_bound(c, norms_of(c, 64));
}

TYPED_TEST(EmbeddingNormsOnDevice, LeavePaddingOutEvenIfItIsNotFinite) {
  auto c = random_embedding<TypeParam>(1, 12, 1, 5, 4, true);
  c.shape.padding = 2;
  for (std::size_t t = 0; t < 12; ++t) {
    if (c.tokens[t] != 2) continue;
    c.scale[t] = std::numeric_limits<TypeParam>::quiet_NaN();
    for (std::size_t j = 0; j < 5; ++j) c.gradient[t * 8 + j] = std::numeric_limits<TypeParam>::infinity();
  }
  EXPECT_NEAR(norms_of(c, 64)[0] / static_cast<double>(truth_of(c, 0).squared_norm), 1, 1e-12);
}

TYPED_TEST(EmbeddingNormsOnDevice, OfARecordThatIsNotFiniteAreNot) {
  const TypeParam infinity = std::numeric_limits<TypeParam>::infinity();
  for (const TypeParam poison : {std::numeric_limits<TypeParam>::quiet_NaN(), infinity, -infinity}) {
    auto c = random_embedding<TypeParam>(3, 8, 1, 5, 6, true);
    c.gradient[c.shape.gradient_record_stride + 3 * 8 + 3] = poison;
    const std::vector<double> norms = norms_of(c, 32);
    EXPECT_FALSE(std::isfinite(norms[1] + norms[4]));
    EXPECT_TRUE(std::isfinite(norms[0] + norms[2] + norms[3] + norms[5]));
  }
}

TEST(EmbeddingNormsOnDevice, RefuseBlocksThatNoDeviceTakes) {
  const auto c = random_embedding<float>(1, 3, 1, 2, 4, false);
  for (const unsigned block : {0U, 16U, 48U, 2048U}) EXPECT_THROW(norms_of(c, block), std::invalid_argument);
}

}  // namespace
}  // namespace sotto::kernels::testing
