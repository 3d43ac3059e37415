// The norms of per-record gradients on a device against gradients in long double and their twins on the processor.

#include <gtest/gtest.h>

#include "convolution_cases.h"
#include "device_fixture.h"
#include "embedding_cases.h"
#include "gram_cases.h"
#include "normalisation_cases.h"

namespace sotto::kernels::testing {
namespace {

template <class T>
struct NormEntries;
template <>
struct NormEntries<float> {
  explicit NormEntries(const CudaBackend& b)
      : gram(b.gram_norms_float),
        tile(b.tile_norms_float),
        convolution(b.convolution_norms_float),
        embedding(b.embedding_norms_float),
        normalisation(b.normalisation_rows_float) {}
  CudaBackend::GramNorms<float> gram;
  CudaBackend::TileNorms<float> tile;
  CudaBackend::ConvolutionNorms<float> convolution;
  CudaBackend::EmbeddingNorms<float> embedding;
  CudaBackend::NormalisationRows<float> normalisation;
};
template <>
struct NormEntries<double> {
  explicit NormEntries(const CudaBackend& b)
      : gram(b.gram_norms_double),
        tile(b.tile_norms_double),
        convolution(b.convolution_norms_double),
        embedding(b.embedding_norms_double),
        normalisation(b.normalisation_rows_double) {}
  CudaBackend::GramNorms<double> gram;
  CudaBackend::TileNorms<double> tile;
  CudaBackend::ConvolutionNorms<double> convolution;
  CudaBackend::EmbeddingNorms<double> embedding;
  CudaBackend::NormalisationRows<double> normalisation;
};

template <class T>
class NormsOnDevice : public Device {
 protected:
  NormEntries<T> entries() const { return NormEntries<T>(backend()); }
  DeviceArray<double> doubles(std::size_t count) const { return DeviceArray<double>::uninitialised(stream(), count); }

  // What `run` gives for every size of a block, which must be the same bits.
  template <class Run>
  static auto same_for_all_blocks(const Run& run) {
    const auto first = run(kBlocks[0]);
    for (const unsigned block : kBlocks) EXPECT_EQ(run(block), first) << "blocks of " << block;
    return first;
  }
};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(NormsOnDevice, Types);

#if SOTTO_SIMULATED
const std::vector<OuterShape> kOuterShapes = {outer_shape(2, 5, 3, 70, 1), outer_shape(1, 66, 20, 4)};
#else
const std::vector<OuterShape> kOuterShapes = {outer_shape(2, 5, 3, 70, 1), outer_shape(1, 66, 20, 4),
                                              outer_shape(3, 200, 129, 190, 5), outer_shape(500, 33, 17, 9)};
#endif

TYPED_TEST(NormsOnDevice, OfGramAreWithinTheirBound) {
  auto cases = gram_cases_of_all_sizes<TypeParam>(9, 7, 5);
  cases.push_back(cancelling_gram<TypeParam>(64, 48, 48));
  for (const OuterShape& shape : kOuterShapes) cases.push_back(random_gram<TypeParam>("random", shape));
  for (const auto& c : cases) {
    const DeviceArray<TypeParam> left(this->stream(), c.left), right(this->stream(), c.right);
    const std::size_t records = c.shape.records;
    const auto norms = this->same_for_all_blocks([&](unsigned block) {
      const auto scratch = this->doubles(cuda::gram_norm_scratch(c.shape) / sizeof(double));
      const auto out = this->doubles(2 * records);
      this->entries().gram(c.shape, left.get(), right.get(), scratch.get(), out.get(), out.get() + records,
                           this->stream(), block);
      return out.read();
    });
    for (std::size_t i = 0; i < records; ++i) {
      const OuterTruth truth = truth_of(c, i);
      const double slack = cuda::gram_norm_factor<TypeParam>(c.shape) * norms[records + i] * norms[records + i];
      EXPECT_NEAR(static_cast<double>(norms[i] - truth.squared_norm), 0, slack) << c.name;
      EXPECT_GE(norms[records + i], static_cast<double>(truth.bound) * (1 - 1e-14)) << c.name;
    }
  }
}

TYPED_TEST(NormsOnDevice, OfTilesAreThoseOfTheKeptGradients) {
  for (const OuterShape& shape : kOuterShapes) {
    const auto f = random_factors<TypeParam>(shape);
    const std::size_t elements = shape.left_columns * shape.right_columns;
    const DeviceArray<TypeParam> left(this->stream(), f.left), right(this->stream(), f.right);
    std::vector<TypeParam> kept;
    const auto norms = this->same_for_all_blocks([&](unsigned block) {
      const auto scratch = this->doubles(cuda::tile_norm_scratch(shape) / sizeof(double));
      const auto out = this->doubles(shape.records);
      const auto gradients = DeviceArray<TypeParam>::uninitialised(this->stream(), shape.records * elements);
      this->entries().tile(shape, left.get(), right.get(), gradients.get(), elements, scratch.get(), out.get(),
                           this->stream(), block);
      kept = gradients.read();
      return out.read();
    });
    for (std::size_t i = 0; i < shape.records; ++i) {
      const OuterTruth truth = truth_of(f, i);
      long double norm = 0, distance = 0;
      for (std::size_t k = 0; k < elements; ++k) {
        const long double x = kept[i * elements + k];
        norm += x * x;
        distance += (x - truth.gradient[k]) * (x - truth.gradient[k]);
      }
      EXPECT_LE(std::sqrt(distance), tile_norm_factor<TypeParam>(shape) * truth.bound);
      EXPECT_NEAR(norms[i], static_cast<double>(norm), static_cast<double>(norm * elements) * 0x1p-53);
    }
  }
}

TYPED_TEST(NormsOnDevice, OfConvolutionsAreThoseOfTheKeptGradients) {
  for (const ConvolutionShape& shape : convolution_shapes()) {
    const auto c = random_convolution<TypeParam>(shape);
    const std::size_t elements = convolution_elements(shape);
    const DeviceArray<TypeParam> image(this->stream(), c.image), gradient(this->stream(), c.gradient);
    std::vector<TypeParam> kept;
    const auto norms = this->same_for_all_blocks([&](unsigned block) {
      const auto scratch = this->doubles(cuda::convolution_norm_scratch(c.shape) / sizeof(double));
      const auto out = this->doubles(shape.records);
      const auto gradients = DeviceArray<TypeParam>::uninitialised(this->stream(), shape.records * elements);
      this->entries().convolution(c.shape, image.get(), gradient.get(), gradients.get(), elements, scratch.get(),
                                  out.get(), this->stream(), block);
      kept = gradients.read();
      return out.read();
    });
    const double terms = static_cast<double>(c.shape.images * c.shape.out_height * c.shape.out_width) *
                         std::numeric_limits<TypeParam>::epsilon();
    for (std::size_t i = 0; i < shape.records; ++i) {
      const ConvolutionTruth truth = truth_of(c, i);
      long double norm = 0;
      for (std::size_t k = 0; k < elements; ++k) {
        const long double x = kept[i * elements + k];
        norm += x * x;
        ASSERT_NEAR(static_cast<double>(x - truth.gradient[k]), 0, static_cast<double>(truth.magnitude[k]) * terms);
      }
      EXPECT_NEAR(norms[i], static_cast<double>(norm), static_cast<double>(norm * elements) * 0x1p-53);
    }
  }
}

TYPED_TEST(NormsOnDevice, OfEmbeddingsAreWithinTheirBound) {
  for (const auto& c : {random_embedding<TypeParam>(2, 40, 1, 33, 7, false),
                        random_embedding<TypeParam>(3, 24, 4, 9, 5, true), cancelling_embedding<TypeParam>(20, 15)}) {
    const std::size_t records = c.shape.records;
    const DeviceArray<std::int64_t> tokens(this->stream(), c.tokens);
    const DeviceArray<TypeParam> scale(this->stream(), c.scale), gradient(this->stream(), c.gradient);
    const auto norms = this->same_for_all_blocks([&](unsigned block) {
      const auto scratch = this->doubles(cuda::embedding_norm_scratch(c.shape) / sizeof(double));
      const auto out = this->doubles(2 * records);
      this->entries().embedding(c.shape, tokens.get(), scale.get(), gradient.get(), scratch.get(), out.get(),
                                out.get() + records, this->stream(), block);
      return out.read();
    });
    for (std::size_t i = 0; i < records; ++i) {
      const EmbeddingTruth truth = truth_of(c, i);
      const double slack = embedding_norm_factor(c.shape) * norms[records + i] * norms[records + i];
      EXPECT_NEAR(static_cast<double>(norms[i] - truth.squared_norm), 0, slack);
    }
  }
}

TYPED_TEST(NormsOnDevice, RowsOfNormalisationsAreTheGradientsInLongDouble) {
  for (const NormalisationShape& shape : normalisation_shapes()) {
    const auto c = random_normalisation<TypeParam>(shape);
    const std::size_t elements = shape.records * shape.channels;
    const DeviceArray<TypeParam> input(this->stream(), c.input), mean(this->stream(), c.mean),
        deviation(this->stream(), c.reciprocal_deviation), gradient(this->stream(), c.gradient);
    const auto rows = this->same_for_all_blocks([&](unsigned block) {
      const auto out = DeviceArray<TypeParam>::uninitialised(this->stream(), 2 * elements);
      this->entries().normalisation(c.shape, input.get(), mean.get(), deviation.get(), gradient.get(), out.get(),
                                    out.get() + elements, this->stream(), block);
      return out.read();
    });
    const double error = normalisation_error<TypeParam>(shape);
    for (std::size_t i = 0; i < shape.records; ++i) {
      const NormalisationTruth truth = truth_of(c, i);
      for (std::size_t k = 0; k < shape.channels; ++k) {
        const std::size_t at = i * shape.channels + k;
        ASSERT_NEAR(static_cast<double>(rows[at] - truth.scale[k]), 0,
                    error * static_cast<double>(truth.scale_magnitude[k]));
        ASSERT_NEAR(static_cast<double>(rows[elements + at] - truth.shift[k]), 0,
                    error * static_cast<double>(truth.shift_magnitude[k]));
      }
    }
  }
}

}  // namespace
}  // namespace sotto::kernels::testing
