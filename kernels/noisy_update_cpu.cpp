#include <sotto/kernels/noise_kernels.h>
#include <sotto/kernels/noisy_update.h>

#include <cmath>
#include <stdexcept>
#include <string>

namespace sotto::kernels {
namespace {

void check(const TensorNoise& noise, std::size_t count) {
  detail::check_noise(noise.first, count, noise.stddev);
  if (!std::isfinite(noise.divisor) || noise.divisor <= 0)
    throw std::invalid_argument("[noisy_update] divisor: " + std::to_string(noise.divisor) +
                                "; must be finite and > 0");
}

template <class T>
AdamCorrection correction_of(const AdamUpdate<T>& update) {
  if (update.step < 1)
    throw std::invalid_argument("[noisy_adam_update] step: " + std::to_string(update.step) + "; must be at least 1");
  const auto step = static_cast<double>(update.step);
  return {1.0 - std::pow(update.beta1, step), 1.0 - std::pow(update.beta2, step)};
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
