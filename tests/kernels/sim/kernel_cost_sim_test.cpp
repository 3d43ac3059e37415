// The costs of the launchers against what their kernels do when they run: accesses and operations are counted by the
// element type. What the transform of the noise does in double cannot be counted so; its number is taken as given.

#include <gtest/gtest.h>

#include "../../../kernels/gaussian_noise_cuda.cu"
#include "../../../kernels/noisy_update_cuda.cu"
#include "../../../kernels/squared_norms_cuda.cu"
#include "counted.h"

namespace sotto::kernels::cuda {
namespace {

using testing::Counted;
using testing::CountedArray;
using testing::Counts;
using testing::counts;

constexpr std::uint32_t kKey[8] = {};
const std::vector<std::size_t> kCounts = {1, 7, 64, 301};

template <class Launch>
Counts counted(const Launch& launch) {
  counts = {};
  launch();
  return counts;
}

std::uint64_t of_noise(std::size_t count) {
  return (count + 1) / 2 * kFlopsPerTwoNormals;
}

TEST(KernelCost, OfNoiseIsWhatItsKernelDoes) {
  for (const std::size_t count : kCounts) {
    const CountedArray out(count, 1);
    const std::uint32_t step = 3;
    const Counts done = counted([&] { launch_noise(kKey, {&step, 0}, 5, count, 1.0, out.get(), nullptr, 64U); });
    const KernelCost expected{done.read * 4, done.written * 4, of_noise(count) + done.operations};
    EXPECT_EQ(add_gaussian_noise_cost<float>(count), expected);
    EXPECT_EQ(done.read, count);
  }
}

TEST(KernelCost, OfTheReleaseIsWhatItsKernelsDo) {
  const DeviceStep step{.noise = 1, .update = 2, .correction = {0.5, 0.5}};
  const DeviceTensorNoise noise{kKey, &step, 0, 5, 1.0, 2.0};
  for (const std::size_t count : kCounts) {
    const CountedArray sum(count, 1), p(count, 1), m(count, 1), s(count, 1);
    const auto expected = [&](const Counts& done) {
      return KernelCost{done.read * 8, done.written * 8, of_noise(count) + done.operations};
    };
    const SgdUpdate<Counted> plain{.parameter = p.get(), .weight_decay = 0.1};
    EXPECT_EQ(noisy_sgd_update_cost<double>(count, false),
              expected(counted([&] { launch_sgd(noise, count, sum.get(), plain, nullptr, 32U); })));
    const SgdUpdate<Counted> moving{.parameter = p.get(), .velocity = m.get(), .momentum = 0.5};
    EXPECT_EQ(noisy_sgd_update_cost<double>(count, true),
              expected(counted([&] { launch_sgd(noise, count, sum.get(), moving, nullptr, 32U); })));
    const AdamUpdate<Counted> adam{p.get(), m.get(), s.get()};
    EXPECT_EQ(noisy_adam_update_cost<double>(count),
              expected(counted([&] { launch_adam(noise, count, sum.get(), adam, nullptr, 32U); })));
  }
}

TEST(KernelCost, OfRowsIsThatEveryElementIsReadOnce) {
  for (const std::size_t rows : {1U, 3U, 300U}) {
    for (const std::size_t columns : {1U, 33U, 1100U}) {
      if (rows * columns > 10'000) continue;
      const CountedArray values(rows * columns, 1), weights(rows, 0.5), sum(columns, 0);
      std::vector<double> out(rows);
      const Counts norms =
          counted([&] { launch_norms(values.get(), rows, columns, columns, out.data(), nullptr, 64U); });
      const KernelCost norm_cost = add_row_squared_norms_cost<float>(rows, columns);
      EXPECT_EQ(norm_cost.bytes_read, norms.read * 4 + rows * 8);
      EXPECT_EQ(norm_cost.bytes_written, rows * 8);
      // A square and its addition for every element; 1023 sums of pairs; the addition to the output.
      EXPECT_EQ(norm_cost.flops, norms.read * 2 + rows * (1023 + 1));

      std::vector<double> parts(weighted_row_sum_scratch(rows, columns) / sizeof(double));
      const Counts sums = counted([&] {
        launch_sum(values.get(), rows, columns, columns, weights.get(), parts.data(), sum.get(), nullptr, 64U);
      });
      const KernelCost sum_cost = add_weighted_row_sum_cost<float>(rows, columns);
      const std::uint64_t repeated = rows * (columns - 1);  // weights that another column read before
      EXPECT_EQ(sum_cost.bytes_read, (sums.read - repeated) * 4 + parts.size() * 8);
      EXPECT_EQ(sum_cost.bytes_written, sums.written * 4 + parts.size() * 8);
      EXPECT_EQ(sum_cost.flops, rows * columns * 2 + sums.operations + parts.size());
    }
  }
}

}  // namespace
}  // namespace sotto::kernels::cuda
