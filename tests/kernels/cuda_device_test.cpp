// The kernels on a device against their twins on the processor and sums in long double. The same program is run with
// the executor on the processor in the device's place (cuda_device_sim_test): SOTTO_CUDA_LIBRARY says which.

#include <gtest/gtest.h>
#include <sotto/kernels/device_array.h>

#include <cmath>
#include <limits>
#include <optional>

#include "device_fixture.h"
#include "random_values.h"

namespace sotto::kernels::testing {
namespace {

constexpr std::uint32_t kKey[8] = {1, 2, 3, 0xffffffffU, 5, 0x80000000U, 7, 8};
constexpr double kStddev = 1.7, kDivisor = 48.0;
#if SOTTO_SIMULATED
const std::vector<std::size_t> kCounts = {0, 1, 9, 1029};
#else
const std::vector<std::size_t> kCounts = {0, 1, 9, 1029, 1000003, std::size_t{1} << 25};
#endif

template <class T>
struct Entries;
template <>
struct Entries<float> {
  explicit Entries(const CudaBackend& b)
      : add_noise(b.add_noise_float),
        add_squared_norms(b.add_squared_norms_float),
        add_weighted_sum(b.add_weighted_sum_float),
        sgd(b.sgd_update_float),
        adam(b.adam_update_float) {}
  CudaBackend::AddNoise<float> add_noise;
  CudaBackend::AddSquaredNorms<float> add_squared_norms;
  CudaBackend::AddWeightedSum<float> add_weighted_sum;
  CudaBackend::SgdUpdater<float> sgd;
  CudaBackend::AdamUpdater<float> adam;
};
template <>
struct Entries<double> {
  explicit Entries(const CudaBackend& b)
      : add_noise(b.add_noise_double),
        add_squared_norms(b.add_squared_norms_double),
        add_weighted_sum(b.add_weighted_sum_double),
        sgd(b.sgd_update_double),
        adam(b.adam_update_double) {}
  CudaBackend::AddNoise<double> add_noise;
  CudaBackend::AddSquaredNorms<double> add_squared_norms;
  CudaBackend::AddWeightedSum<double> add_weighted_sum;
  CudaBackend::SgdUpdater<double> sgd;
  CudaBackend::AdamUpdater<double> adam;
};

template <class T>
class KernelOnDevice : public Device {
 protected:
  Entries<T> entries() const { return Entries<T>(backend()); }
  RandomValues<T> random{31};
};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(KernelOnDevice, Types);

TYPED_TEST(KernelOnDevice, NoiseHasTheBitsOfTheProcessor) {
  for (const std::uint64_t first : {std::uint64_t{0}, (std::uint64_t{1} << 35) - 5}) {
    for (const std::size_t count : kCounts) {
      const std::vector<TypeParam> before = this->random(count);
      std::vector<TypeParam> expected = before;
      add_gaussian_noise(kKey, {.step = 0xfffffff0U, .tensor = 9}, first, count, kStddev, expected.data());
      const DeviceArray<std::uint32_t> step(this->stream(), {0xfffffff0U});
      for (const unsigned block : kBlocks) {
        const DeviceArray<TypeParam> out(this->stream(), before);
        this->entries().add_noise(CudaBackend::Key(kKey), {step.get(), 9}, first, count, kStddev, out.get(),
                                  this->stream(), block);
        ASSERT_EQ(out.read(), expected) << first << " + " << count << ", blocks of " << block;
      }
    }
  }
}

TYPED_TEST(KernelOnDevice, SgdHasTheBitsOfTheProcessor) {
  for (const std::size_t count : kCounts) {
    const std::vector<TypeParam> sum = this->random(count), before = this->random(count), still = this->random(count);
    const DeviceArray<TypeParam> sums(this->stream(), sum);
    for (const std::int64_t t : {1, 2}) {
      for (const bool moving : {false, true}) {
        std::vector<TypeParam> p = before, v = still;
        SgdUpdate<TypeParam> update{.parameter = p.data(),
                                    .velocity = moving ? v.data() : nullptr,
                                    .learning_rate = 0.3,
                                    .momentum = 0.9,
                                    .weight_decay = 0.01,
                                    .nesterov = true,
                                    .first_step = t == 1};
        noisy_sgd_update({kKey, {7, 2}, 5, kStddev, kDivisor}, count, sum.data(), update);
        const DeviceArray<DeviceStep> step(this->stream(), {{.noise = 7, .update = t}});
        for (const unsigned block : kBlocks) {
          const DeviceArray<TypeParam> parameter(this->stream(), before), velocity(this->stream(), still);
          update.parameter = parameter.get();
          update.velocity = moving ? velocity.get() : nullptr;
          this->entries().sgd({kKey, step.get(), 2, 5, kStddev, kDivisor}, count, sums.get(), update, this->stream(),
                              block);
          ASSERT_EQ(parameter.read(), p) << count << ", blocks of " << block;
          ASSERT_EQ(velocity.read(), v) << count << ", blocks of " << block;
        }
      }
    }
  }
}

TYPED_TEST(KernelOnDevice, AdamHasTheBitsOfTheProcessor) {
  for (const std::size_t count : kCounts) {
    const std::vector<TypeParam> sum = this->random(count), before = this->random(count), mean = this->random(count);
    std::vector<TypeParam> square = this->random(count);
    for (TypeParam& value : square) value *= value;
    const DeviceArray<TypeParam> sums(this->stream(), sum);
    for (const bool decoupled : {false, true}) {
      std::vector<TypeParam> p = before, m = mean, s = square;
      AdamUpdate<TypeParam> update{p.data(), m.data(), s.data(), 0.01};
      update.weight_decay = 0.1;
      update.decoupled = decoupled;
      update.step = 5;
      noisy_adam_update({kKey, {7, 2}, 5, kStddev, kDivisor}, count, sum.data(), update);
      const DeviceArray<DeviceStep> step(this->stream(), {{7, 5, adam_correction(update.beta1, update.beta2, 5)}});
      for (const unsigned block : kBlocks) {
        const DeviceArray<TypeParam> parameter(this->stream(), before), means(this->stream(), mean);
        const DeviceArray<TypeParam> squares(this->stream(), square);
        update.parameter = parameter.get();
        update.mean = means.get();
        update.square = squares.get();
        this->entries().adam({kKey, step.get(), 2, 5, kStddev, kDivisor}, count, sums.get(), update, this->stream(),
                             block);
        ASSERT_EQ(parameter.read(), p) << count << ", blocks of " << block;
        ASSERT_EQ(means.read(), m) << count << ", blocks of " << block;
        ASSERT_EQ(squares.read(), s) << count << ", blocks of " << block;
      }
    }
  }
}

TYPED_TEST(KernelOnDevice, NormsOfRowsMatchLongDoubleWithTheSameBitsForEveryBlock) {
  for (const std::size_t rows : {0U, 1U, 5U}) {
    for (const std::size_t columns : {0U, 1U, 33U, 2500U}) {
      const std::size_t stride = columns + 3;
      const std::vector<TypeParam> values = this->random(rows * stride);
      const DeviceArray<TypeParam> there(this->stream(), values);
      std::optional<std::vector<double>> first;
      for (const unsigned block : kBlocks) {
        const DeviceArray<double> out(this->stream(), std::vector<double>(rows, 0.5));
        this->entries().add_squared_norms(there.get(), rows, columns, stride, out.get(), this->stream(), block);
        const std::vector<double> norms = out.read();
        if (!first) first = norms;
        ASSERT_EQ(norms, *first) << "blocks of " << block;
      }
      for (std::size_t i = 0; i < rows; ++i) {
        long double expected = 0.5;
        for (std::size_t j = 0; j < columns; ++j)
          expected += static_cast<long double>(values[i * stride + j]) * values[i * stride + j];
        const double bound = static_cast<double>(expected) * 0x1p-53 * (static_cast<double>(columns) + 1);
        ASSERT_NEAR(static_cast<double>((*first)[i] - expected), 0, bound) << rows << " x " << columns;
      }
    }
  }
}

TYPED_TEST(KernelOnDevice, WeightedSumOfRowsMatchesLongDoubleWithTheSameBitsForEveryBlock) {
  const double unit = std::numeric_limits<TypeParam>::epsilon();
  for (const std::size_t rows : {0U, 1U, 5U, 129U, 1000U}) {
    for (const std::size_t columns : {0U, 1U, 33U, 2500U}) {
      if (rows * columns > 100'000) continue;
      std::vector<TypeParam> values = this->random(rows * columns), weights = this->random(rows);
      if (rows > 1) {
        weights[1] = 0;
        std::fill_n(values.begin() + static_cast<std::ptrdiff_t>(columns), columns, TypeParam{NAN});
      }
      const DeviceArray<TypeParam> there(this->stream(), values), w(this->stream(), weights);
      const auto scratch = DeviceArray<double>::uninitialised(
          this->stream(), cuda::weighted_row_sum_scratch(rows, columns) / sizeof(double));
      std::optional<std::vector<TypeParam>> first;
      for (const unsigned block : kBlocks) {
        const DeviceArray<TypeParam> out(this->stream(), std::vector<TypeParam>(columns, TypeParam{2}));
        this->entries().add_weighted_sum(there.get(), rows, columns, columns, w.get(), scratch.get(), out.get(),
                                         this->stream(), block);
        const std::vector<TypeParam> sum = out.read();
        if (!first) first = sum;
        ASSERT_EQ(sum, *first) << "blocks of " << block;
      }
      for (std::size_t j = 0; j < columns; ++j) {
        long double expected = 2, size = 2;
        for (std::size_t i = 0; i < rows; ++i) {
          if (weights[i] == 0) continue;
          const long double term = static_cast<long double>(weights[i]) * values[i * columns + j];
          expected += term;
          size += std::abs(term);
        }
        const double bound = static_cast<double>(size) * (2 * unit + 0x1p-53 * (static_cast<double>(rows) + 2));
        ASSERT_NEAR(static_cast<double>((*first)[j] - expected), 0, bound) << rows << " x " << columns;
      }
    }
  }
}

TEST_F(Device, WeightsOfRecordsHaveTheBitsOfTheProcessor) {
  constexpr std::size_t kGroups = 3, kRecords = 700;
  using Kind = WeightFormula::Kind;
  for (const Kind kind : {Kind::flat, Kind::psac, Kind::auto_s, Kind::nsgd}) {
    const std::vector<WeightFormula> formulas(kGroups, {kind, 0.3, 0.07});
    std::vector<double> computed, slack;
    std::vector<std::uint8_t> active;
    for (std::size_t k = 0; k < kGroups * kRecords; ++k) {
      const double squared = std::pow(10.0, -60.0 + 120.0 * std::fmod(static_cast<double>(k) * 0.618, 1.0));
      computed.push_back(k % 97 == 3 ? std::nan("") : squared);
      slack.push_back(k % 2 == 0 ? 0.0 : 1e-3 * squared);
    }
    for (std::size_t i = 0; i < kRecords; ++i) active.push_back(i % 5 != 2);
    std::vector<float> expected(kGroups * kRecords);
    record_weights(formulas, computed.data(), slack.data(), active.data(), kRecords, expected.data());
    const DeviceArray<double> squares(stream(), computed), slacks(stream(), slack);
    const DeviceArray<std::uint8_t> flags(stream(), active);
    for (const unsigned block : kBlocks) {
      const auto weights = DeviceArray<float>::uninitialised(stream(), kGroups * kRecords);
      backend().record_weights(formulas, squares.get(), slacks.get(), flags.get(), kRecords, weights.get(), stream(),
                               block);
      ASSERT_EQ(weights.read(), expected) << "blocks of " << block;
    }
  }
}

TEST_F(Device, StateOfTheReleaseMovesOn) {
  const DeviceArray<DeviceStep> state(stream(), {{4, 1, adam_correction(0.9, 0.999, 1)}});
  for (int i = 0; i < 9; ++i) backend().advance_step(state.get(), 0.9, 0.999, stream());
  const DeviceStep now = state.read()[0];
  EXPECT_EQ(now.noise, 13U);
  EXPECT_EQ(now.update, 10);
  EXPECT_NEAR(now.correction.mean, 1 - std::pow(0.9, 10), 1e-15);
  EXPECT_NEAR(now.correction.square, 1 - std::pow(0.999, 10), 1e-15);
}

TEST_F(Device, RefusesADeviceThatIsNotThereAndABlockThatNoDeviceTakes) {
  EXPECT_THROW(backend().use_device(-1), DeviceError);
  EXPECT_THROW(backend().use_device(backend().device_count()), DeviceError);
  const DeviceArray<std::uint32_t> step(stream(), {1U});
  const DeviceArray<float> out(stream(), std::vector<float>(8, 1.0F));
  for (const unsigned block : {0U, 16U, 48U, 2048U})
    EXPECT_THROW(
        backend().add_noise_float(CudaBackend::Key(kKey), {step.get(), 0}, 0, 8, 1.0, out.get(), stream(), block),
        std::invalid_argument);
  EXPECT_EQ(out.read(), std::vector<float>(8, 1.0F));
}

}  // namespace
}  // namespace sotto::kernels::testing
