// The noise of a device, executed on the processor: the bits of the processor's own kernel, whose distribution is
// tested beside it.

#include <gtest/gtest.h>

#include <random>

#include "../../../kernels/gaussian_noise_cuda.cu"
#include "runs.h"

namespace sotto::kernels::testing {
namespace {

const std::vector<std::uint32_t> kKey = {1, 2, 3, 0xffffffffU, 5, 0x80000000U, 7, 8};
std::span<const std::uint32_t, 8> key() {
  return std::span<const std::uint32_t, 8>(kKey.data(), 8);
}

template <class T>
class NoiseOnDevice : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(NoiseOnDevice, Types);

TYPED_TEST(NoiseOnDevice, HasTheBitsOfTheProcessor) {
  const std::vector<std::uint64_t> firsts =
      kThorough ? std::vector<std::uint64_t>{0, (std::uint64_t{1} << 35) - 5, ~std::uint64_t{0} - 5000}
                : std::vector<std::uint64_t>{3};
  for (const std::uint64_t first : firsts) {
    for (const std::size_t count : sizes({0, 1, 9, 2053}, {100})) {
      const std::uint32_t step = 0xfffffff0U;
      std::vector<TypeParam> expected(count, TypeParam{0.25});
      add_gaussian_noise(key(), {.step = step, .tensor = 9}, first, count, 1.5, expected.data());
      const auto out = same_under_all<std::vector<TypeParam>>([&](unsigned block) {
        const Exact<TypeParam> result(std::vector<TypeParam>(count, TypeParam{0.25}));
        cuda::add_gaussian_noise(key(), {.step = &step, .tensor = 9}, first, count, 1.5, result.get(), nullptr, block);
        return result.to_vector();
      });
      EXPECT_EQ(out, expected) << first << " + " << count;
    }
  }
}

// What a captured graph repeats is the launch with its pointers: only the step in device memory moves on.
TYPED_TEST(NoiseOnDevice, ALaunchThatIsRepeatedDrawsAnewOnceTheStepMovesOn) {
  std::uint32_t step = 1;
  const auto drawn = [&] {
    const Exact<TypeParam> result(std::vector<TypeParam>(64, 0));
    cuda::add_gaussian_noise(key(), {.step = &step, .tensor = 0}, 0, 64, 1.0, result.get(), nullptr, 32);
    return result.to_vector();
  };
  const std::vector<TypeParam> before = drawn();
  step = 2;
  const std::vector<TypeParam> after = drawn();
  for (size_t i = 0; i < before.size(); ++i) EXPECT_NE(before[i], after[i]);
}

TYPED_TEST(NoiseOnDevice, RefusesWhatTheProcessorRefuses) {
  const std::uint32_t step = 0;
  TypeParam out = 3;
  for (const double stddev : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()})
    EXPECT_THROW(cuda::add_gaussian_noise(key(), {&step, 0}, 0, 1, stddev, &out, nullptr), std::invalid_argument);
  EXPECT_THROW(cuda::add_gaussian_noise(key(), {&step, 0}, ~std::uint64_t{0}, 1, 1.0, &out, nullptr),
               std::invalid_argument);
  EXPECT_EQ(out, 3);
}

}  // namespace
}  // namespace sotto::kernels::testing
