#pragma once
// The release of a sum and the update of the parameters in one pass over memory: noise is drawn in registers, added to
// the sum, the result is divided and applied. Neither the noise nor the noisy gradient is stored.
//
//   g = (sum[i] + stddev z(key, counter, first + i)) / divisor         z of gaussian_noise.h, rounded as there
//   g = g + weight_decay p                                             (not in AdamW)
//   sgd     v = first_step ? g : momentum v + (1 - dampening) g        where there is a velocity
//           p = p - learning_rate (nesterov ? g + momentum v : v)      p - learning_rate g without one
//   adam    m = beta1 m + (1 - beta1) g;  s = beta2 s + (1 - beta2) g^2
//           p = p - learning_rate (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + epsilon)
//           AdamW: p is scaled by 1 - learning_rate weight_decay before
// as torch::optim::SGD, Adam and AdamW compute it, up to rounding. `sum`, `parameter` and the moments do not overlap.

#include <sotto/kernels/gaussian_noise.h>

#include <cstddef>
#include <cstdint>

namespace sotto::kernels {

// What is drawn for elements [first, first + count) of one tensor in one step.
struct TensorNoise {
  const std::uint32_t* key;  // 8 words
  NoiseCounter counter;
  std::uint64_t first = 0;
  double stddev = 0;   // of the noise on the sum, finite and >= 0
  double divisor = 1;  // finite and > 0
};

template <class T>
struct SgdUpdate {
  T* parameter;
  T* velocity = nullptr;  // nullptr without momentum
  double learning_rate = 0;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  bool nesterov = false;
  bool first_step = false;  // the velocity is written and not read
};

template <class T>
struct AdamUpdate {
  T* parameter;
  T* mean;    // of the gradients, m
  T* square;  // of the squared gradients, s
  double learning_rate = 0;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
  bool decoupled = false;  // AdamW
  std::int64_t step = 1;   // t, from 1
};

// 1 - beta^t of both moments, computed once.
struct AdamCorrection {
  double mean;
  double square;
};

// std::invalid_argument for a step below 1.
AdamCorrection adam_correction(double beta1, double beta2, std::int64_t step);

// Both throw std::invalid_argument for what add_gaussian_noise refuses, and for a divisor that is not finite and > 0.
// Disjoint ranges may be updated concurrently.
void noisy_sgd_update(const TensorNoise& noise, std::size_t count, const float* sum, const SgdUpdate<float>& update);
void noisy_sgd_update(const TensorNoise& noise, std::size_t count, const double* sum, const SgdUpdate<double>& update);
void noisy_adam_update(const TensorNoise& noise, std::size_t count, const float* sum, const AdamUpdate<float>& update);
void noisy_adam_update(const TensorNoise& noise, std::size_t count, const double* sum,
                       const AdamUpdate<double>& update);

// On a device, in order on a stream. What changes from step to step is read from device memory when the kernel runs, so
// that a captured graph that is run again draws anew: the graph ends with advance_step, or the host writes the state
// before every run. update < 1, as in memory that was never written, turns every parameter into NaN: without a state
// there is no noise.
struct DeviceStep {
  std::uint32_t noise = 0;         // counter.step of what is drawn
  std::int64_t update = 0;         // t, from 1; at 1 SGD writes the velocity and does not read it
  AdamCorrection correction = {};  // of t; not read by SGD
};

struct DeviceTensorNoise {
  const std::uint32_t* key;  // 8 words of host memory
  const DeviceStep* step;    // device memory
  std::uint32_t tensor;
  std::uint64_t first = 0;
  double stddev = 0;
  double divisor = 1;
};

// `sum` and what an update points to is device memory; first_step and step of the updates are not read. The same bits
// as above for the same state. std::invalid_argument as above, and for a block that is not 32 to 1024 and a multiple of
// 32.
namespace cuda {
void noisy_sgd_update(const DeviceTensorNoise& noise, std::size_t count, const float* sum,
                      const SgdUpdate<float>& update, Stream stream, unsigned block = 256);
void noisy_sgd_update(const DeviceTensorNoise& noise, std::size_t count, const double* sum,
                      const SgdUpdate<double>& update, Stream stream, unsigned block = 256);
void noisy_adam_update(const DeviceTensorNoise& noise, std::size_t count, const float* sum,
                       const AdamUpdate<float>& update, Stream stream, unsigned block = 256);
void noisy_adam_update(const DeviceTensorNoise& noise, std::size_t count, const double* sum,
                       const AdamUpdate<double>& update, Stream stream, unsigned block = 256);

// The state of the next step: both counters one on, the correction within 2^-51 / (1 - beta) of adam_correction's,
// relatively. After the last value of the noise counter update is 0.
void advance_step(DeviceStep* step, double beta1, double beta2, Stream stream);

// With a velocity that is read, and without one.
template <class T>
constexpr KernelCost noisy_sgd_update_cost(std::uint64_t count, bool velocity) {
  const std::uint64_t array = count * sizeof(T), noise = (count + 1) / 2 * kFlopsPerTwoNormals;
  if (velocity) return {3 * array, 2 * array, noise + 12 * count};
  return {2 * array, array, noise + 6 * count};
}
template <class T>
constexpr KernelCost noisy_adam_update_cost(std::uint64_t count) {
  const std::uint64_t array = count * sizeof(T);
  return {4 * array, 3 * array, (count + 1) / 2 * kFlopsPerTwoNormals + 18 * count};
}
}  // namespace cuda

namespace detail {
// Throws what the updates do for these.
void check_update(std::uint64_t first, std::size_t count, double stddev, double divisor);
}  // namespace detail

}  // namespace sotto::kernels
