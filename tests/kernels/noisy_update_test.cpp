// The release in one pass against its steps one after another: noise of gaussian_noise.h, whose distribution is tested
// beside it, then the update written down in long double.

#include <gtest/gtest.h>
#include <sotto/kernels/noise_kernels.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace sotto::kernels {
namespace {

constexpr std::uint32_t kKey[8] = {9, 8, 7, 6, 5, 4, 3, 2};
constexpr std::size_t kCounts[] = {0, 1, 7, 8, 9, 127, 128, 129, 1000};
constexpr std::uint64_t kFirsts[] = {0, 5, 8, (std::uint64_t{1} << 33) - 3};

template <class T>
struct Update;
template <>
struct Update<float> {
  static auto sgd(const detail::NoiseKernels& kernels) { return kernels.sgd_float; }
  static auto adam(const detail::NoiseKernels& kernels) { return kernels.adam_float; }
};
template <>
struct Update<double> {
  static auto sgd(const detail::NoiseKernels& kernels) { return kernels.sgd_double; }
  static auto adam(const detail::NoiseKernels& kernels) { return kernels.adam_double; }
};

template <class T>
class NoisyUpdate : public ::testing::Test {
 protected:
  std::vector<T> random(std::size_t count, bool positive = false) {
    std::normal_distribution<T> normal;
    std::vector<T> values(count);
    for (T& value : values) value = positive ? std::abs(normal(generator_)) : normal(generator_);
    return values;
  }
  // A few roundings of what is that large.
  static double bound(long double size) { return 8 * std::numeric_limits<T>::epsilon() * static_cast<double>(size); }

 private:
  std::mt19937_64 generator_{4};
};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(NoisyUpdate, Types);

// (sum + noise) / divisor in long double.
template <class T>
std::vector<long double> gradients(const TensorNoise& noise, const std::vector<T>& sum) {
  std::vector<T> drawn(sum.size(), T{0});
  add_gaussian_noise(std::span<const std::uint32_t, 8>(noise.key, 8), noise.counter, noise.first, sum.size(),
                     noise.stddev, drawn.data());
  std::vector<long double> result;
  for (std::size_t i = 0; i < sum.size(); ++i)
    result.push_back((static_cast<long double>(sum[i]) + drawn[i]) / noise.divisor);
  return result;
}

TYPED_TEST(NoisyUpdate, SgdIsNoiseDivisionAndUpdate) {
  for (const auto& kernels : detail::supported_noise_kernels()) {
    for (const std::size_t count : kCounts) {
      for (const std::uint64_t first : kFirsts) {
        for (int kind = 0; kind < 5; ++kind) {  // plain; momentum; its first step; dampened; Nesterov
          const TensorNoise noise{kKey, {3, 4}, first, 1.7, 64.0};
          const std::vector<TypeParam> sum = this->random(count), before = this->random(count);
          std::vector<TypeParam> parameter = before, velocity = this->random(count);
          if (kind == 2) std::fill(velocity.begin(), velocity.end(), std::numeric_limits<TypeParam>::quiet_NaN());
          const std::vector<TypeParam> old = velocity;
          const SgdUpdate<TypeParam> update{.parameter = parameter.data(),
                                            .velocity = kind == 0 ? nullptr : velocity.data(),
                                            .learning_rate = 0.3,
                                            .momentum = kind == 0 ? 0.0 : 0.9,
                                            .dampening = kind == 3 ? 0.25 : 0.0,
                                            .weight_decay = kind == 1 ? 0.0 : 0.01,
                                            .nesterov = kind == 4,
                                            .first_step = kind == 2};
          Update<TypeParam>::sgd(kernels)(noise, count, sum.data(), update);
          const auto expected = gradients(noise, sum);
          for (std::size_t i = 0; i < count; ++i) {
            const long double g = expected[i] + update.weight_decay * static_cast<long double>(before[i]);
            long double v = g;
            if (kind != 0 && kind != 2)
              v = update.momentum * static_cast<long double>(old[i]) + (1 - update.dampening) * g;
            const long double direction = kind == 4 ? g + update.momentum * v : v;
            // Of what is added up, which may cancel; no draw is larger than 10.2.
            const long double size = (std::abs(sum[i]) + 10.2 * noise.stddev) / noise.divisor +
                                     std::abs(before[i]) * update.weight_decay +
                                     (kind == 2 ? 0.0L : std::abs(static_cast<long double>(old[i])));
            if (kind != 0) {
              ASSERT_NEAR(static_cast<double>(velocity[i] - v), 0, this->bound(size)) << kernels.name << kind;
            }
            ASSERT_NEAR(static_cast<double>(parameter[i] - (before[i] - update.learning_rate * direction)), 0,
                        this->bound(size + std::abs(static_cast<long double>(before[i]))))
                << kernels.name << " " << kind << " " << first << " + " << i;
          }
        }
      }
    }
  }
}

TYPED_TEST(NoisyUpdate, AdamIsNoiseDivisionAndUpdate) {
  for (const std::size_t count : kCounts) {
    for (const bool decoupled : {false, true}) {
      for (const std::int64_t step : {1, 7}) {
        const TensorNoise noise{kKey, {3, 4}, 5, 1.7, 64.0};
        const std::vector<TypeParam> sum = this->random(count), before = this->random(count);
        const std::vector<TypeParam> mean = this->random(count), square = this->random(count, true);
        std::vector<TypeParam> parameter = before, m = mean, s = square;
        const AdamUpdate<TypeParam> update{.parameter = parameter.data(),
                                           .mean = m.data(),
                                           .square = s.data(),
                                           .learning_rate = 0.01,
                                           .weight_decay = 0.1,
                                           .decoupled = decoupled,
                                           .step = step};
        noisy_adam_update(noise, count, sum.data(), update);
        const auto expected = gradients(noise, sum);
        for (std::size_t i = 0; i < count; ++i) {
          const long double p = before[i];
          const long double g = expected[i] + (decoupled ? 0.0L : update.weight_decay * p);
          const long double now_m = update.beta1 * static_cast<long double>(mean[i]) + (1 - update.beta1) * g;
          const long double now_s = update.beta2 * static_cast<long double>(square[i]) + (1 - update.beta2) * g * g;
          const long double corrected_m = now_m / (1 - std::pow(static_cast<long double>(update.beta1), step));
          const long double corrected_s = now_s / (1 - std::pow(static_cast<long double>(update.beta2), step));
          const long double shrunk = decoupled ? p * (1 - update.learning_rate * update.weight_decay) : p;
          const long double change = update.learning_rate * corrected_m / (std::sqrt(corrected_s) + update.epsilon);
          const long double size = (std::abs(sum[i]) + 10.2 * noise.stddev) / noise.divisor + std::abs(p);
          ASSERT_NEAR(static_cast<double>(m[i] - now_m), 0, this->bound(std::abs(mean[i]) + size));
          ASSERT_NEAR(static_cast<double>(s[i] - now_s), 0, this->bound(square[i] + size * size));
          const long double terms = update.learning_rate * (std::abs(mean[i]) + size) / (1 - update.beta1) /
                                    (std::sqrt(corrected_s) + update.epsilon);
          ASSERT_NEAR(static_cast<double>(parameter[i] - (shrunk - change)), 0, this->bound(std::abs(p) + terms));
        }
      }
    }
  }
}

// Any split into ranges gives the same bits, on every instruction set.
TYPED_TEST(NoisyUpdate, DoesNotDependOnHowATensorIsDivided) {
  constexpr std::size_t kCount = 700;
  const std::vector<TypeParam> sum = this->random(kCount), before = this->random(kCount), still = this->random(kCount);
  const auto released = [&](const detail::NoiseKernels& kernels, std::size_t piece) {
    std::vector<TypeParam> parameter = before, velocity = still;
    for (std::size_t at = 0; at < kCount; at += piece) {
      const TensorNoise noise{kKey, {1, 2}, at, 0.5, 3.0};
      Update<TypeParam>::sgd(kernels)(noise, std::min(piece, kCount - at), sum.data() + at,
                                      {.parameter = parameter.data() + at,
                                       .velocity = velocity.data() + at,
                                       .learning_rate = 0.1,
                                       .momentum = 0.5});
    }
    return parameter;
  };
  const auto whole = released(detail::supported_noise_kernels().back(), kCount);
  for (const auto& kernels : detail::supported_noise_kernels())
    for (const std::size_t piece : {1U, 13U, 128U, 700U}) EXPECT_EQ(released(kernels, piece), whole) << kernels.name;
}

TYPED_TEST(NoisyUpdate, RefusesWhatIsNoDeviationDivisorOrStep) {
  TypeParam sum = 1, parameter = 2, mean = 0, square = 0;
  const SgdUpdate<TypeParam> sgd{.parameter = &parameter, .learning_rate = 0.1};
  const auto inf = std::numeric_limits<double>::infinity();
  for (const auto& [stddev, divisor] : std::vector<std::pair<double, double>>{
           {-1.0, 1.0}, {inf, 1.0}, {std::nan(""), 1.0}, {1.0, 0.0}, {1.0, -2.0}, {1.0, inf}, {1.0, std::nan("")}}) {
    EXPECT_THROW(noisy_sgd_update({kKey, {0, 0}, 0, stddev, divisor}, 1, &sum, sgd), std::invalid_argument);
    EXPECT_THROW(noisy_adam_update({kKey, {0, 0}, 0, stddev, divisor}, 1, &sum, {&parameter, &mean, &square}),
                 std::invalid_argument);
  }
  EXPECT_THROW(noisy_adam_update({kKey, {0, 0}, 0, 1.0, 1.0}, 1, &sum,
                                 {.parameter = &parameter, .mean = &mean, .square = &square, .step = 0}),
               std::invalid_argument);
  EXPECT_EQ(parameter, 2);
}

}  // namespace
}  // namespace sotto::kernels
