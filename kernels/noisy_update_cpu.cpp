#include <sotto/kernels/noise_kernels.h>
#include <sotto/kernels/noisy_update.h>

#include <cmath>
#include <stdexcept>
#include <string>

namespace sotto::kernels {
namespace detail {

void check_update(std::uint64_t first, std::size_t count, double stddev, double divisor) {
  check_noise(first, count, stddev);
  if (!std::isfinite(divisor) || divisor <= 0)
    throw std::invalid_argument("[noisy_update] divisor: " + std::to_string(divisor) + "; must be finite and > 0");
}

}  // namespace detail

AdamCorrection adam_correction(double beta1, double beta2, std::int64_t step) {
  if (step < 1)
    throw std::invalid_argument("[noisy_adam_update] step: " + std::to_string(step) + "; must be at least 1");
  const auto t = static_cast<double>(step);
  return {1.0 - std::pow(beta1, t), 1.0 - std::pow(beta2, t)};
}

namespace {

void check(const TensorNoise& noise, std::size_t count) {
  detail::check_update(noise.first, count, noise.stddev, noise.divisor);
}

template <class T>
AdamCorrection correction_of(const AdamUpdate<T>& update) {
  return adam_correction(update.beta1, update.beta2, update.step);
}

const detail::NoiseKernels& best() {
  return detail::supported_noise_kernels().front();
}

}  // namespace

void noisy_sgd_update(const TensorNoise& noise, std::size_t count, const float* sum, const SgdUpdate<float>& update) {
  check(noise, count);
  best().sgd_float(noise, count, sum, update);
}
void noisy_sgd_update(const TensorNoise& noise, std::size_t count, const double* sum, const SgdUpdate<double>& update) {
  check(noise, count);
  best().sgd_double(noise, count, sum, update);
}
void noisy_adam_update(const TensorNoise& noise, std::size_t count, const float* sum, const AdamUpdate<float>& update) {
  check(noise, count);
  best().adam_float(noise, count, sum, update, correction_of(update));
}
void noisy_adam_update(const TensorNoise& noise, std::size_t count, const double* sum,
                       const AdamUpdate<double>& update) {
  check(noise, count);
  best().adam_double(noise, count, sum, update, correction_of(update));
}

}  // namespace sotto::kernels
