#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <fmt/format.h>
#include <sotto/kernels/gaussian_noise.h>
#include <sotto/optim/gaussian_mechanism.h>
#include <sotto/privacy/adaptive_clipping.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cstring>
#include <limits>

namespace sotto::optim {
namespace {

// Large enough to hide the cost of a task, small enough to keep a piece in cache between noise and division.
constexpr int64_t kNoisePerTask = 1 << 15;
constexpr double kSmallestDeviation = 1e-20;
constexpr double kLargestDeviation = 1e20;
constexpr std::uint32_t kPlaceOfCount = std::numeric_limits<std::uint32_t>::max();  // of its noise: no tensor has it

template <class T>
void add_noise_and_divide(const kernels::TensorNoise& noise, at::Tensor& tensor) {
  T* values = tensor.mutable_data_ptr<T>();
  const auto scale = static_cast<T>(1.0 / noise.divisor);
  at::parallel_for(0, tensor.numel(), kNoisePerTask, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; at += kNoisePerTask) {
      const int64_t count = std::min(kNoisePerTask, end - at);
      kernels::add_gaussian_noise(std::span<const std::uint32_t, 8>(noise.key, 8), noise.counter,
                                  static_cast<std::uint64_t>(at), static_cast<size_t>(count), noise.stddev,
                                  values + at);
      for (int64_t i = at; i < at + count; ++i) values[i] *= scale;
    }
  });
}

// The counter's bits, which a device reads as an unsigned number.
at::Tensor as_tensor(std::uint32_t counter) {
  at::Tensor result = at::empty({1}, at::kInt);
  std::memcpy(result.mutable_data_ptr(), &counter, sizeof counter);
  return result;
}

template <class T>
void add_noise_and_divide_on_device(const StepDevice& device, const at::Tensor& step, const kernels::TensorNoise& noise,
                                    at::Tensor& tensor) {
  device.run([&](const kernels::CudaBackend& table, kernels::Stream stream) {
    launcher<T>(table.add_noise_float, table.add_noise_double)(
        std::span<const std::uint32_t, 8>(noise.key, 8),
        {static_cast<const std::uint32_t*>(step.const_data_ptr()), noise.counter.tensor}, 0,
        static_cast<size_t>(tensor.numel()), noise.stddev, tensor.mutable_data_ptr<T>(), stream, kernels::kDeviceBlock);
  });
  tensor.mul_(static_cast<double>(static_cast<T>(1.0 / noise.divisor)));
}

}  // namespace

void check_releasable(double noise_multiplier, double sensitivity, int64_t step) {
  if (step > std::numeric_limits<std::uint32_t>::max()) {
    throw UsageError(
        fmt::format("[GaussianMechanism] step: {}; must be at most 2^32 - 1, what the noise counter holds", step));
  }
  const double stddev = noise_multiplier * sensitivity;
  if (!(stddev >= kSmallestDeviation && stddev <= kLargestDeviation)) {
    throw UsageError(
        fmt::format("[GaussianMechanism] standard deviation of the noise: {}; must be {} .. {}, far from where float "
                    "numbers vanish or overflow: choose another clip norm",
                    stddev, kSmallestDeviation, kLargestDeviation));
  }
}

GaussianMechanism::GaussianMechanism(privacy::PoissonSampled event, int64_t divisor, privacy::SecretKey noise_key,
                                     std::optional<double> count_noise)
    : event_(event),
      divisor_(divisor),
      count_noise_(count_noise),
      noise_multiplier_(count_noise
                            ? privacy::gradient_noise_beside_count(event.mechanism.noise_multiplier, *count_noise)
                            : event.mechanism.noise_multiplier),
      noise_key_(std::move(noise_key)) {
  privacy::validate(event_);
  if (divisor < 1) throw UsageError(fmt::format("[GaussianMechanism] divisor: {}; must be at least 1", divisor));
}

void GaussianMechanism::begin_charge(double sensitivity, privacy::Ledger& ledger) const {
  ledger.begin_reserve(ledger.next_step(), event_, sensitivity, noise_key_.commitment());
}

kernels::TensorNoise GaussianMechanism::charge(const ClippedSum& sum, privacy::Ledger& ledger) {
  const std::int64_t step = ledger.next_step();
  SOTTO_ASSERT(sum.count_.has_value() == count_noise_.has_value() && sum.sums_.size() < kPlaceOfCount);
  check_releasable(noise_multiplier_, sum.sensitivity() * sum.unit_, step);
  ledger.reserve(step, event_, sum.sensitivity(), noise_key_.commitment());
  return {.key = noise_key_.words().data(),
          .counter = {static_cast<std::uint32_t>(step), 0},
          .stddev = noise_multiplier_ * (sum.sensitivity() * sum.unit_),
          .divisor = static_cast<double>(divisor_)};
}

std::optional<double> GaussianMechanism::noised_count(const ClippedSum& sum, const kernels::TensorNoise& noise) const {
  if (!sum.count_) return std::nullopt;
  double count = *sum.count_;
  kernels::add_gaussian_noise(std::span<const std::uint32_t, 8>(noise.key, 8), {noise.counter.step, kPlaceOfCount}, 0,
                              1, *count_noise_, &count);
  return count;
}

PrivateGradient GaussianMechanism::release(ClippedSum&& sum, privacy::Ledger& ledger, const StepDevice& device) {
  ClippedSum owned = std::move(sum);
  kernels::TensorNoise noise = charge(owned, ledger);
  const std::optional<double> count = noised_count(owned, noise);
  const at::NoGradGuard no_grad;
  const at::Tensor step = device.has_table() ? device.copy_of(as_tensor(noise.counter.step)) : at::Tensor();
  for (size_t t = 0; t < owned.sums_.size(); ++t) {
    noise.counter.tensor = static_cast<std::uint32_t>(t);
    at::Tensor& tensor = owned.sums_[t];
    SOTTO_ASSERT(tensor.is_contiguous());
    const auto release_as = [&](auto zero) {
      using T = decltype(zero);
      step.defined() ? add_noise_and_divide_on_device<T>(device, step, noise, tensor)
                     : add_noise_and_divide<T>(noise, tensor);
    };
    SOTTO_ASSERT(tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kDouble);
    tensor.scalar_type() == at::kFloat ? release_as(float{}) : release_as(double{});
  }
  return PrivateGradient(std::move(owned.sums_), count);
}

std::optional<double> GaussianMechanism::release_into(ClippedSum&& sum, privacy::Ledger& ledger, FusedUpdate& update) {
  const ClippedSum owned = std::move(sum);
  kernels::TensorNoise noise = charge(owned, ledger);
  const at::NoGradGuard no_grad;
  update.begin(noise.counter.step);
  for (size_t t = 0; t < owned.sums_.size(); ++t) {
    noise.counter.tensor = static_cast<std::uint32_t>(t);
    update.apply(t, owned.sums_[t], noise);
  }
  return noised_count(owned, noise);
}

}  // namespace sotto::optim
