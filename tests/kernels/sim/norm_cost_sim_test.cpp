// The costs of the kernels of per-record gradients against what they do when they run: accesses and operations are
// counted by the element type. Tiles are full: what fills others up is no part of a cost.

#include <gtest/gtest.h>

#include "../../../kernels/convolution_norms_cuda.cu"
#include "../../../kernels/embedding_norms_cuda.cu"
#include "../../../kernels/tile_norms_cuda.cu"
#include "counted.h"

namespace sotto::kernels::cuda {
namespace {

using testing::Counted;
using testing::CountedArray;
using testing::Counts;
using testing::counts;

template <class Launch>
Counts counted(const Launch& launch) {
  counts = {};
  launch();
  return counts;
}

TEST(NormCost, OfAConvolutionIsWhatItsKernelDoes) {
  const ConvolutionShape s{.records = 2,
                           .channels = 4,
                           .height = 7,
                           .width = 7,
                           .outputs = 64,
                           .out_height = 4,
                           .out_width = 4,
                           .kernel_height = 4,
                           .kernel_width = 4,
                           .image_record_stride = 4 * 49,
                           .gradient_record_stride = 64 * 16};
  const std::size_t elements = convolution_elements(s);
  const CountedArray image(2 * 4 * 49, 1), gradient(2 * 64 * 16, 1), kept(2 * elements, 0);
  std::vector<double> partial(2), computed(2);
  const Patches<Counted> patches{s, image.get(), gradient.get()};
  for (const bool keep : {false, true}) {
    const Counts done = counted([&] {
      launch_tiles<Counted>(patches, 2, keep ? kept.get() : nullptr, elements, partial.data(), computed.data(), nullptr,
                            64U);
    });
    const KernelCost cost = convolution_norms_cost<float>(s, keep);
    EXPECT_EQ(cost.flops, done.operations + 2 * 2 * elements);  // squares are in double
    EXPECT_EQ(cost.bytes_written, done.written * 4 + 2 * 8);
    // A block reads every tap of every place; 256 threads take the tile in one pass, 64 in four.
    EXPECT_EQ(done.read, (2 * 64 * 16 + 2 * 64 * 16) * 4U);
    EXPECT_EQ(cost.bytes_read, (2 * 4 * 49 + 2 * 64 * 16) * 4U);
  }
}

TEST(NormCost, OfTilesIsWhatTheirKernelDoes) {
  const OuterShape s{2, 16, 64, 64, 16 * 64, 64, 16 * 64, 64};
  const CountedArray left(2 * 16 * 64, 1), right(2 * 16 * 64, 1), kept(2 * 64 * 64, 0);
  std::vector<double> partial(2), computed(2);
  for (const bool keep : {false, true}) {
    const Counts done = counted([&] {
      launch_tiles<Counted>(Matrices<Counted>{s, left.get(), right.get()}, 2, keep ? kept.get() : nullptr, 64 * 64,
                            partial.data(), computed.data(), nullptr, 256U);
    });
    const KernelCost expected{done.read * 4, done.written * 4 + 2 * 8, done.operations + 2 * 2 * 64 * 64};
    EXPECT_EQ(tile_norms_cost<float>(s, keep), expected);
  }
}

TEST(NormCost, OfEmbeddingsIsThatGradientsAreReadTwice) {
  const EmbeddingShape s{2, 6, 1, 40, 6, 6 * 40, 40};
  const std::vector<std::int64_t> tokens = {1, 2, 3, 4, 5, 6, 6, 5, 4, 3, 2, 1};
  const CountedArray gradient(2 * 6 * 40, 1), scale(12, 1);
  std::vector<double> scratch(cuda::embedding_norm_scratch(s) / sizeof(double)), computed(2), bound(2);
  const Counts done = counted([&] {
    launch_norms(s, tokens.data(), scale.get(), gradient.get(), scratch.data(), computed.data(), bound.data(), nullptr,
                 32U);
  });
  const std::uint64_t of_scale = 12 * (40 + 1);  // by every column, and for the bound
  EXPECT_EQ(embedding_norms_cost<float>(s).bytes_read, (done.read - of_scale) / 2 * 4 + 12 * (8 + 4));
  EXPECT_EQ(embedding_norms_cost<float>(s).flops, 6U * 2 * 6 * 40);
}

}  // namespace
}  // namespace sotto::kernels::cuda
