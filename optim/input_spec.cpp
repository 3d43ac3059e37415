#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <fmt/format.h>
#include <sotto/optim/input_spec.h>
#include <sotto/privacy/error.h>

#include <cmath>

namespace sotto::optim {
namespace {

at::Tensor made_up(const InputSpec& spec, int64_t batch, const at::Generator& generator) {
  for (const int64_t size : spec.sizes) {
    if (size < 1) throw UsageError(fmt::format("[InputSpec] sizes: {}; each must be at least 1", size));
  }
  std::vector<int64_t> sizes = {batch};
  sizes.insert(sizes.end(), spec.sizes.begin(), spec.sizes.end());
  if (c10::isFloatingType(spec.dtype)) {
    if (!std::isfinite(spec.low) || !std::isfinite(spec.high) || !(spec.low < spec.high)) {
      throw UsageError(fmt::format("[InputSpec] range {} .. {}: must be finite and increasing", spec.low, spec.high));
    }
    return at::rand(sizes, generator, at::kDouble).mul_(spec.high - spec.low).add_(spec.low).to(spec.dtype);
  }
  if (spec.dtype == at::kBool) return at::randint(2, sizes, generator, at::kLong).to(at::kBool);
  if (!c10::isIntegralType(spec.dtype, /*includeBool=*/false)) {
    throw UsageError(
        fmt::format("[InputSpec] dtype {}: must be floating-point, integer or bool", c10::toString(spec.dtype)));
  }
  if (spec.vocabulary < 1) {
    throw UsageError(fmt::format("[InputSpec] vocabulary: {}; must be at least 1", spec.vocabulary));
  }
  return at::randint(spec.vocabulary, sizes, generator, at::kLong).to(spec.dtype);
}

}  // namespace

std::vector<at::Tensor> made_up_inputs(const std::vector<InputSpec>& specs, int64_t batch, uint64_t seed,
                                       at::Device device) {
  if (batch < 1) throw UsageError(fmt::format("[made_up_inputs] batch: {}; must be at least 1", batch));
  const at::Generator generator = at::detail::createCPUGenerator(seed);
  std::vector<at::Tensor> inputs;
  for (const InputSpec& spec : specs) inputs.push_back(made_up(spec, batch, generator).to(device));
  return inputs;
}

InputSpec spec_of(const at::Tensor& records) {
  return {.sizes = records.sizes().slice(1).vec(), .dtype = records.scalar_type()};
}

}  // namespace sotto::optim
