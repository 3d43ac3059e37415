// As norm_cost_sim_test.cpp: Gram norms.

#include <gtest/gtest.h>

#include "../../../kernels/gram_norms_cuda.cu"
#include "counted.h"

namespace sotto::kernels::cuda {
namespace {

using testing::Counted;
using testing::CountedArray;
using testing::counts;

TEST(NormCost, OfGramNormsIsNineTenthsOfWhatTheirKernelsDo) {
  const OuterShape s{1, 64, 64, 64, 64 * 64, 64, 64 * 64, 64};
  const CountedArray left(64 * 64, 1), right(64 * 64, 1);
  std::vector<double> scratch(gram_norm_scratch(s) / sizeof(double)), out(2);
  counts = {};
  launch_all(s, left.get(), right.get(), scratch.data(), out.data(), out.data() + 1, nullptr, 256U);
  const KernelCost cost = gram_norms_cost<double>(s);
  EXPECT_LE(cost.flops, counts.operations);
  EXPECT_GE(static_cast<double>(cost.flops), 0.9 * static_cast<double>(counts.operations));
  EXPECT_EQ(cost.bytes_read, 2U * 64 * 64 * 8);
  EXPECT_EQ(counts.read, 4U * 2 * 64 * 64);  // twice when it is measured, and on both sides of the tile
}

}  // namespace
}  // namespace sotto::kernels::cuda
