// The fused release of a device, executed on the processor: the bits of the processor's own kernel, and what the
// formulas say in long double.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "../../../kernels/noisy_update_cuda.cu"
#include "../random_values.h"
#include "runs.h"

namespace sotto::kernels::testing {
namespace {

constexpr std::uint32_t kKey[8] = {1, 2, 3, 0xffffffffU, 5, 0x80000000U, 7, 8};
constexpr std::uint32_t kNoiseStep = 0xfffffff0U;
constexpr double kStddev = 1.7, kDivisor = 48.0;

std::vector<std::uint64_t> firsts() {
  return kThorough ? std::vector<std::uint64_t>{0, (std::uint64_t{1} << 35) - 5} : std::vector<std::uint64_t>{3};
}
const std::vector<std::size_t> kCounts = sizes({0, 1, 9, 1029}, {100});

template <class T>
class ReleaseOnDevice : public ::testing::Test {
 protected:
  std::vector<T> squares(std::size_t count) {
    std::vector<T> values = random(count);
    for (T& value : values) value *= value;
    return values;
  }
  // A few roundings of what is that large.
  static double bound(long double size) { return 8 * std::numeric_limits<T>::epsilon() * static_cast<double>(size); }
  RandomValues<T> random{21};
};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(ReleaseOnDevice, Types);

// (sum + noise) / divisor in long double; no draw is larger than 10.2.
template <class T>
std::vector<long double> gradients(std::uint64_t first, const std::vector<T>& sum) {
  std::vector<T> drawn(sum.size(), T{0});
  add_gaussian_noise(kKey, {kNoiseStep, 9}, first, sum.size(), kStddev, drawn.data());
  std::vector<long double> result;
  for (std::size_t i = 0; i < sum.size(); ++i)
    result.push_back((static_cast<long double>(sum[i]) + drawn[i]) / kDivisor);
  return result;
}
template <class T>
long double size_of(T sum) {
  return (std::abs(static_cast<long double>(sum)) + 10.2L * kStddev) / kDivisor;
}

// Parameters and velocity one after the other.
template <class T>
std::vector<T> both(const std::vector<T>& a, const std::vector<T>& b) {
  std::vector<T> result = a;
  result.insert(result.end(), b.begin(), b.end());
  return result;
}

TYPED_TEST(ReleaseOnDevice, SgdHasTheBitsOfTheProcessorAndIsTheFormula) {
  using T = TypeParam;
  for (const std::uint64_t first : firsts()) {
    for (const std::size_t count : kCounts) {
      for (int kind = 0; kind < 5; ++kind) {  // plain; momentum; its first step; dampened; Nesterov
        const std::vector<T> sum = this->random(count), before = this->random(count);
        std::vector<T> velocity = this->random(count);
        if (kind == 2) std::fill(velocity.begin(), velocity.end(), std::numeric_limits<T>::quiet_NaN());
        const Exact<T> sums(sum);
        const SgdUpdate<T> options{.parameter = nullptr,
                                   .learning_rate = 0.3,
                                   .momentum = kind == 0 ? 0.0 : 0.9,
                                   .dampening = kind == 3 ? 0.25 : 0.0,
                                   .weight_decay = kind == 1 ? 0.0 : 0.01,
                                   .nesterov = kind == 4,
                                   .first_step = kind == 2};
        std::vector<T> p = before, v = velocity;
        SgdUpdate<T> update = options;
        update.parameter = p.data();
        update.velocity = kind == 0 ? nullptr : v.data();
        noisy_sgd_update({kKey, {kNoiseStep, 9}, first, kStddev, kDivisor}, count, sum.data(), update);

        const DeviceStep step{.noise = kNoiseStep, .update = kind == 2 ? 1 : 7};
        const auto out = same_under_all<std::vector<T>>([&](unsigned block) {
          const Exact<T> parameter(before), moving(velocity);
          SgdUpdate<T> there = options;
          there.parameter = parameter.get();
          there.velocity = kind == 0 ? nullptr : moving.get();
          cuda::noisy_sgd_update({kKey, &step, 9, first, kStddev, kDivisor}, count, sums.get(), there, nullptr, block);
          return kind == 0 ? parameter.to_vector() : both(parameter.to_vector(), moving.to_vector());
        });
        ASSERT_EQ(out, kind == 0 ? p : both(p, v)) << kind << ", " << first << " + " << count;

        const auto expected = gradients(first, sum);
        for (std::size_t i = 0; i < count; ++i) {
          const long double g = expected[i] + options.weight_decay * static_cast<long double>(before[i]);
          const long double old = kind == 2 ? 0.0L : static_cast<long double>(velocity[i]);
          long double moved = g;
          if (kind != 0 && kind != 2) moved = options.momentum * old + (1 - options.dampening) * g;
          const long double direction = kind == 4 ? g + options.momentum * moved : moved;
          const long double size = size_of(sum[i]) + std::abs(static_cast<long double>(before[i])) + std::abs(old);
          ASSERT_NEAR(static_cast<double>(out[i] - (before[i] - options.learning_rate * direction)), 0,
                      this->bound(size));
        }
      }
    }
  }
}

TYPED_TEST(ReleaseOnDevice, AdamHasTheBitsOfTheProcessorAndIsTheFormula) {
  using T = TypeParam;
  for (const std::size_t count : kCounts) {
    for (const bool decoupled : {false, true}) {
      for (const std::int64_t t : {1, 7}) {
        const std::vector<T> sum = this->random(count), before = this->random(count);
        const std::vector<T> mean = this->random(count), square = this->squares(count);
        const Exact<T> sums(sum);
        const AdamUpdate<T> options{.parameter = nullptr,
                                    .mean = nullptr,
                                    .square = nullptr,
                                    .learning_rate = 0.01,
                                    .weight_decay = 0.1,
                                    .decoupled = decoupled,
                                    .step = t};
        std::vector<T> p = before, m = mean, s = square;
        AdamUpdate<T> update = options;
        update.parameter = p.data();
        update.mean = m.data();
        update.square = s.data();
        noisy_adam_update({kKey, {kNoiseStep, 9}, 5, kStddev, kDivisor}, count, sum.data(), update);

        const DeviceStep step{kNoiseStep, t, adam_correction(options.beta1, options.beta2, t)};
        const auto out = same_under_all<std::vector<T>>([&](unsigned block) {
          const Exact<T> parameter(before), means(mean), roots(square);
          AdamUpdate<T> there = options;
          there.parameter = parameter.get();
          there.mean = means.get();
          there.square = roots.get();
          there.step = -5;  // not read
          cuda::noisy_adam_update({kKey, &step, 9, 5, kStddev, kDivisor}, count, sums.get(), there, nullptr, block);
          return both(parameter.to_vector(), both(means.to_vector(), roots.to_vector()));
        });
        ASSERT_EQ(out, both(p, both(m, s))) << t << ", " << count;

        const auto expected = gradients(5, sum);
        for (std::size_t i = 0; i < count; ++i) {
          const long double old = before[i];
          const long double g = expected[i] + (decoupled ? 0.0L : options.weight_decay * old);
          const long double now_m = options.beta1 * static_cast<long double>(mean[i]) + (1 - options.beta1) * g;
          const long double now_s = options.beta2 * static_cast<long double>(square[i]) + (1 - options.beta2) * g * g;
          const long double corrected_m = now_m / (1 - std::pow(static_cast<long double>(options.beta1), t));
          const long double corrected_s = now_s / (1 - std::pow(static_cast<long double>(options.beta2), t));
          const long double shrunk = decoupled ? old * (1 - options.learning_rate * options.weight_decay) : old;
          const long double change = options.learning_rate * corrected_m / (std::sqrt(corrected_s) + options.epsilon);
          const long double size = size_of(sum[i]) + std::abs(old);
          const long double terms = options.learning_rate * (std::abs(static_cast<long double>(mean[i])) + size) /
                                    (1 - options.beta1) / (std::sqrt(corrected_s) + options.epsilon);
          ASSERT_NEAR(static_cast<double>(out[i] - (shrunk - change)), 0, this->bound(std::abs(old) + terms));
        }
      }
    }
  }
}

// What a captured graph repeats is the launches with their pointers: it draws anew because it moves the state on.
TYPED_TEST(ReleaseOnDevice, LaunchesThatAreRepeatedDrawAnewOnceTheStateMovesOn) {
  using T = TypeParam;
  constexpr std::size_t kCount = 40;
  const Exact<T> sum(std::vector<T>(kCount, 1)), parameter(std::vector<T>(kCount, 0));
  const Exact<T> mean(std::vector<T>(kCount, 0)), square(std::vector<T>(kCount, 0));
  const AdamUpdate<T> update{parameter.get(), mean.get(), square.get(), 0.01};
  DeviceStep state{5, 1, adam_correction(update.beta1, update.beta2, 1)};
  std::vector<T> p(kCount, 0), m(kCount, 0), s(kCount, 0);
  std::vector<T> before = p;
  for (std::int64_t t = 1; t <= 3; ++t) {
    cuda::noisy_adam_update({kKey, &state, 2, 0, kStddev, kDivisor}, kCount, sum.get(), update, nullptr, 64);
    cuda::advance_step(&state, update.beta1, update.beta2, nullptr);
    AdamUpdate<T> here{p.data(), m.data(), s.data(), 0.01};
    here.step = t;
    noisy_adam_update({kKey, {static_cast<std::uint32_t>(4 + t), 2}, 0, kStddev, kDivisor}, kCount, sum.get(), here);
    // At most 64 roundings apart: those of the correction.
    for (std::size_t i = 0; i < kCount; ++i) {
      ASSERT_NEAR(parameter.get()[i], p[i], 0.01 * static_cast<double>(t) * 2048 * std::numeric_limits<T>::epsilon());
      ASSERT_NE(parameter.get()[i], before[i]);
    }
    before = parameter.to_vector();
  }
  EXPECT_EQ(state.noise, 8U);
  EXPECT_EQ(state.update, 4);
}

TYPED_TEST(ReleaseOnDevice, WithoutAStateThereIsNothingToRelease) {
  using T = TypeParam;
  for (const std::int64_t update : {std::int64_t{0}, std::int64_t{-3}}) {
    const DeviceStep state{.noise = 4, .update = update, .correction = {0.5, 0.5}};
    const Exact<T> sum(std::vector<T>(20, 1)), parameter(std::vector<T>(20, 2)), other(std::vector<T>(20, 2));
    const Exact<T> mean(std::vector<T>(20, 0)), square(std::vector<T>(20, 1)), velocity(std::vector<T>(20, 0));
    const DeviceTensorNoise noise{kKey, &state, 0, 0, kStddev, kDivisor};
    cuda::noisy_sgd_update(noise, 20, sum.get(), {parameter.get(), velocity.get(), 0.1, 0.9}, nullptr, 32);
    cuda::noisy_adam_update(noise, 20, sum.get(), {other.get(), mean.get(), square.get(), 0.1}, nullptr, 32);
    for (const auto* values : {&parameter, &other, &velocity, &mean})
      for (std::size_t i = 0; i < 20; ++i) EXPECT_TRUE(std::isnan(values->get()[i]));
  }
}

TYPED_TEST(ReleaseOnDevice, RefusesWhatTheProcessorRefuses) {
  using T = TypeParam;
  const auto inf = std::numeric_limits<double>::infinity();
  const DeviceStep state{.noise = 0, .update = 1, .correction = {1, 1}};
  T sum = 1, parameter = 2, mean = 0, square = 0;
  for (const auto& [stddev, divisor] : std::vector<std::pair<double, double>>{
           {-1.0, 1.0}, {inf, 1.0}, {std::nan(""), 1.0}, {1.0, 0.0}, {1.0, -2.0}, {1.0, inf}, {1.0, std::nan("")}}) {
    const DeviceTensorNoise noise{kKey, &state, 0, 0, stddev, divisor};
    EXPECT_THROW(cuda::noisy_sgd_update(noise, 1, &sum, {&parameter}, nullptr), std::invalid_argument);
    EXPECT_THROW(cuda::noisy_adam_update(noise, 1, &sum, {&parameter, &mean, &square}, nullptr), std::invalid_argument);
  }
  const DeviceTensorNoise noise{kKey, &state, 0, 0, 1.0, 1.0};
  for (const unsigned block : {0U, 16U, 48U, 2048U})
    EXPECT_THROW(cuda::noisy_sgd_update(noise, 1, &sum, {&parameter}, nullptr, block), std::invalid_argument);
  EXPECT_EQ(parameter, 2);
}

TEST(StepOnDevice, MovesOnAsTheHostWould) {
  const double beta1 = 0.9, beta2 = 0.999;
  DeviceStep state{7, 1, adam_correction(beta1, beta2, 1)};
  for (std::int64_t t = 2; t <= (kThorough ? 3000 : 20); ++t) {
    cuda::advance_step(&state, beta1, beta2, nullptr);
    ASSERT_EQ(state.update, t);
    ASSERT_EQ(state.noise, 6U + t);
    const auto mean = static_cast<double>(1 - std::pow(static_cast<long double>(beta1), t));
    const auto square = static_cast<double>(1 - std::pow(static_cast<long double>(beta2), t));
    ASSERT_NEAR(state.correction.mean, mean, mean * 0x1p-51 / (1 - beta1));
    ASSERT_NEAR(state.correction.square, square, square * 0x1p-51 / (1 - beta2));
  }
}

// Another step would draw the noise of the first one again.
TEST(StepOnDevice, EndsWithItsCounter) {
  DeviceStep state{0xffffffffU, 9, {1, 1}};
  cuda::advance_step(&state, 0.9, 0.999, nullptr);
  EXPECT_EQ(state.update, 0);
  cuda::advance_step(&state, 0.9, 0.999, nullptr);
  EXPECT_EQ(state.update, 0);
}

}  // namespace
}  // namespace sotto::kernels::testing
