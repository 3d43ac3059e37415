// Compile without contraction into multiply-adds (nvcc -fmad=false): the bits are those of the processor's twin.
// f64: sgd_update, adam_update, advance

#include <sotto/kernels/noisy_update.h>
#include <sotto/kernels/noisy_update_formula.h>

#include <limits>
#include <sotto/kernels/gaussian_noise_device.cuh>

namespace sotto::kernels::cuda {
namespace {

constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint32_t kLastNoise = std::numeric_limits<std::uint32_t>::max();

// What the host says of a launch.
struct Release {
  NoiseKey key;
  std::uint32_t tensor;
  std::uint64_t first, count;
  double stddev, divisor;
};

// Without a state that was written there is no noise, and nothing may be released.
__device__ double stddev_of(const Release& release, const DeviceStep& now) {
  return now.update < 1 ? kNotANumber : release.stddev;
}

template <class T, bool kVelocity>
__global__ void __launch_bounds__(1024)
    sgd_update(Release release, const DeviceStep* step, const T* sum, SgdUpdate<T> update) {
  const DeviceStep now = *step;
  const bool first_step = now.update == 1;
  const SgdTerms<T> terms = sgd_terms(update, release.divisor, first_step);
  for_noise<T>(release.key, now.noise, release.tensor, release.first, release.count, stddev_of(release, now),
               [&](std::uint64_t at, T drawn) {
                 if constexpr (kVelocity) {
                   T velocity = first_step ? T{0} : update.velocity[at];
                   apply_sgd(terms, __ldg(sum + at), drawn, update.parameter[at], velocity);
                   update.velocity[at] = velocity;
                 } else {
                   apply_sgd(terms, __ldg(sum + at), drawn, update.parameter[at]);
                 }
               });
}

template <class T>
__global__ void __launch_bounds__(1024)
    adam_update(Release release, const DeviceStep* step, const T* sum, AdamUpdate<T> update, AdamTerms<T> terms) {
  const DeviceStep now = *step;
  correct(terms, update.learning_rate, now.correction);
  for_noise<T>(release.key, now.noise, release.tensor, release.first, release.count, stddev_of(release, now),
               [&](std::uint64_t at, T drawn) {
                 apply_adam(terms, __ldg(sum + at), drawn, update.parameter[at], update.mean[at], update.square[at]);
               });
}

__global__ void __launch_bounds__(32) advance(DeviceStep* step, double beta1, double beta2) {
  if (threadIdx.x != 0) return;
  const DeviceStep now = *step;
  if (now.update < 1 || now.noise == kLastNoise) {
    step->update = 0;
    return;
  }
  // 1 - beta^(t + 1) = beta (1 - beta^t) + (1 - beta): nothing cancels.
  *step = {now.noise + 1,
           now.update + 1,
           {beta1 * now.correction.mean + (1.0 - beta1), beta2 * now.correction.square + (1.0 - beta2)}};
}

Release release_of(const DeviceTensorNoise& noise, std::size_t count) {
  detail::check_update(noise.first, count, noise.stddev, noise.divisor);
  return {noise_key(std::span<const std::uint32_t, 8>(noise.key, 8)),
          noise.tensor,
          noise.first,
          count,
          noise.stddev,
          noise.divisor};
}

template <class T>
void launch_sgd(const DeviceTensorNoise& noise, std::size_t count, const T* sum, const SgdUpdate<T>& update,
                Stream stream, unsigned block) {
  const Release release = release_of(noise, count);
  if (count == 0) return;
  launch(update.velocity == nullptr ? sgd_update<T, false> : sgd_update<T, true>,
         {.grid = blocks_for_noise(count, block), .block = dim3(block)}, stream, release, noise.step, sum, update);
}

template <class T>
void launch_adam(const DeviceTensorNoise& noise, std::size_t count, const T* sum, const AdamUpdate<T>& update,
                 Stream stream, unsigned block) {
  const Release release = release_of(noise, count);
  if (count == 0) return;
  launch(adam_update<T>, {.grid = blocks_for_noise(count, block), .block = dim3(block)}, stream, release, noise.step,
         sum, update, adam_terms(update, noise.divisor));
}

}  // namespace

void noisy_sgd_update(const DeviceTensorNoise& noise, std::size_t count, const float* sum,
                      const SgdUpdate<float>& update, Stream stream, unsigned block) {
  launch_sgd(noise, count, sum, update, stream, block);
}
void noisy_sgd_update(const DeviceTensorNoise& noise, std::size_t count, const double* sum,
                      const SgdUpdate<double>& update, Stream stream, unsigned block) {
  launch_sgd(noise, count, sum, update, stream, block);
}
void noisy_adam_update(const DeviceTensorNoise& noise, std::size_t count, const float* sum,
                       const AdamUpdate<float>& update, Stream stream, unsigned block) {
  launch_adam(noise, count, sum, update, stream, block);
}
void noisy_adam_update(const DeviceTensorNoise& noise, std::size_t count, const double* sum,
                       const AdamUpdate<double>& update, Stream stream, unsigned block) {
  launch_adam(noise, count, sum, update, stream, block);
}

void advance_step(DeviceStep* step, double beta1, double beta2, Stream stream) {
  launch(advance, {.grid = dim3(1), .block = dim3(32)}, stream, step, beta1, beta2);
}

}  // namespace sotto::kernels::cuda
