// Noise and update in a captured graph: every run of it draws anew, because counters are read from the device's memory.

#include "cuda_graph.h"

#include <gtest/gtest.h>
#include <sotto/kernels/device_array.h>

#include "device_fixture.h"
#include "random_values.h"

namespace sotto::kernels::testing {
namespace {

constexpr std::uint32_t kKey[8] = {1, 2, 3, 0xffffffffU, 5, 0x80000000U, 7, 8};
constexpr std::size_t kCount = 100003;
constexpr double kStddev = 1.7, kDivisor = 48;

TEST_F(Device, ACapturedUpdateDrawsAnewInEveryRun) {
  RandomValues<float> random{5};
  const std::vector<float> sum = random(kCount);
  std::vector<float> p = random(kCount), v(kCount, 0.0F);
  const DeviceArray<float> sums(stream(), sum), parameter(stream(), p), velocity(stream(), v);
  const DeviceArray<DeviceStep> step(stream(), {{.noise = 7, .update = 1}});
  SgdUpdate<float> update{
      .parameter = parameter.get(), .velocity = velocity.get(), .learning_rate = 0.3, .momentum = 0.9};
  const CudaGraph graph(stream(), [&] {
    backend().sgd_update_float({kKey, step.get(), 2, 0, kStddev, kDivisor}, kCount, sums.get(), update, stream(),
                               kDeviceBlock);
    backend().advance_step(step.get(), 0.9, 0.999, stream());
  });
  EXPECT_EQ(parameter.read(), p) << "it ran while it was captured";
  for (const std::uint32_t noise : {7U, 8U, 9U}) {
    graph.run();
    SgdUpdate<float> twin = update;
    twin.parameter = p.data();
    twin.velocity = v.data();
    twin.first_step = noise == 7;
    noisy_sgd_update({kKey, {noise, 2}, 0, kStddev, kDivisor}, kCount, sum.data(), twin);
    ASSERT_EQ(parameter.read(), p) << "with counter " << noise;
    ASSERT_EQ(velocity.read(), v) << "with counter " << noise;
  }
}

}  // namespace
}  // namespace sotto::kernels::testing
