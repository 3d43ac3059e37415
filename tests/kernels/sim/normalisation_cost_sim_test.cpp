// As norm_cost_sim_test.cpp: rows of normalisations.

#include <gtest/gtest.h>

#include "../../../kernels/normalisation_rows_cuda.cu"
#include "counted.h"

namespace sotto::kernels::cuda {
namespace {

using testing::Counted;
using testing::CountedArray;
using testing::counts;

TEST(NormCost, OfNormalisationsIsWhatTheirKernelsDo) {
  for (const bool rows : {false, true}) {
    for (const bool scaled : {false, true}) {
      NormalisationShape s{.records = 2, .outer = rows ? 512U : 1U, .channels = 32, .inner = rows ? 1U : 512U};
      s.input_record_stride = s.gradient_record_stride = 512 * 32;
      s.channels_per_statistic = 32;
      s.statistic_record_stride = 1;
      const CountedArray input(2 * 512 * 32, 1), gradient(2 * 512 * 32, 1), scale(64, 0), shift(64, 0);
      const std::vector<Counted> statistics(2 * 512);
      const Inputs<Counted> of{scaled ? input.get() : nullptr, statistics.data(), statistics.data(), gradient.get()};
      counts = {};
      launch_rows<Counted>(s, of, scaled ? scale.get() : nullptr, shift.get(), nullptr, 64U);
      const KernelCost cost = normalisation_rows_cost<float>(s, scaled);
      EXPECT_EQ(cost.bytes_read, counts.read * 4);
      EXPECT_EQ(cost.bytes_written, counts.written * 4);
      EXPECT_LE(cost.flops, counts.operations);
      EXPECT_GE(static_cast<double>(cost.flops), 0.7 * static_cast<double>(counts.operations));
    }
  }
}

}  // namespace
}  // namespace sotto::kernels::cuda
