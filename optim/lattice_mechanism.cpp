#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <fmt/format.h>
#include <sotto/optim/lattice_mechanism.h>
#include <sotto/optim/sum_dtype.h>
#include <sotto/privacy/discrete_gaussian.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/plan.h>

#include <algorithm>
#include <span>

namespace sotto::optim {
namespace {

// Elements of a stream of their own: the noise does not depend on the number of threads.
constexpr int64_t kDrawsPerStream = 1 << 14;

template <class T>
at::Tensor floats_of(std::span<const std::int64_t> integers, double scale, const at::Tensor& parameter) {
  at::Tensor result = at::empty(parameter.sizes(), sum_options(parameter));
  T* values = result.mutable_data_ptr<T>();
  for (std::size_t j = 0; j < integers.size(); ++j)
    values[j] = static_cast<T>(static_cast<double>(integers[j]) * scale);
  return result;
}

}  // namespace

LatticeMechanism::LatticeMechanism(privacy::StepEvent event, int64_t divisor, privacy::SecretKey noise_key)
    : event_(event), divisor_(divisor), noise_key_(std::move(noise_key)) {
  privacy::validate(event_);
  constexpr std::uint64_t kSquaredNorm = privacy::kLatticeNorm * privacy::kLatticeNorm;
  if (!event_.lattice || event_.lattice->squared_norm != kSquaredNorm)
    throw UsageError(fmt::format(
        "[LatticeMechanism] bad event: {}; must be noise on a lattice with squared norm {}",
        event_.lattice ? fmt::format("squared norm {}", event_.lattice->squared_norm) : std::string("normal noise"),
        kSquaredNorm));
  if (divisor < 1) throw UsageError(fmt::format("[LatticeMechanism] divisor: {}; must be at least 1", divisor));
}

void LatticeMechanism::begin_charge(double sensitivity, privacy::Ledger& ledger) const {
  ledger.begin_reserve(ledger.next_step(), event_, sensitivity, noise_key_.commitment());
}

PrivateGradient LatticeMechanism::release(LatticeSum&& sum, privacy::Ledger& ledger) const {
  LatticeSum owned = std::move(sum);
  const std::int64_t step = ledger.next_step();
  ledger.reserve(step, event_, owned.sensitivity(), noise_key_.commitment());

  const std::span<std::int64_t> integers = owned.integers_;
  const auto elements = static_cast<int64_t>(integers.size());
  const int64_t streams = (elements + kDrawsPerStream - 1) / kDrawsPerStream;
  at::parallel_for(0, streams, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      const int64_t first = part * kDrawsPerStream;
      const int64_t count = std::min(kDrawsPerStream, elements - first);
      privacy::DiscreteGaussian noise(
          event_.lattice->variance,
          privacy::RandomStream(noise_key_, fmt::format("noise on the lattice, step {}, part {}", step, part)));
      noise.add_to(integers.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)));
    }
  });

  const at::NoGradGuard no_grad;
  const double scale =
      owned.sensitivity() / (static_cast<double>(privacy::kLatticeNorm) * static_cast<double>(divisor_));
  std::vector<at::Tensor> released;
  std::size_t first = 0;
  for (const NamedParameter& parameter : owned.parameters_) {
    const auto count = static_cast<std::size_t>(parameter.tensor.numel());
    const std::span<const std::int64_t> part = integers.subspan(first, count);
    released.push_back(sum_dtype(parameter.tensor) == at::kDouble ? floats_of<double>(part, scale, parameter.tensor)
                                                                  : floats_of<float>(part, scale, parameter.tensor));
    first += count;
  }
  return PrivateGradient(std::move(released));
}

}  // namespace sotto::optim
