#include <fmt/format.h>
#include <sotto/optim/private_gradient.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace sotto::optim {
namespace {

// Of the bytes in order; not cryptographic: it is to notice accidents. Eight lanes keep it at the speed of memory.
std::uint64_t checksum(const at::Tensor& gradient) {
  constexpr std::size_t kLanes = 8;
  constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15;  // odd, so that no step loses information
  SOTTO_ASSERT(gradient.is_contiguous());
  const at::Tensor tensor = gradient.cpu();  // itself on the processor
  const auto* bytes = static_cast<const unsigned char*>(tensor.const_data_ptr());
  std::size_t left = tensor.nbytes();
  std::array<std::uint64_t, kLanes> lanes{};
  std::array<std::uint64_t, kLanes> words{};
  while (left > 0) {
    const std::size_t count = std::min(left, sizeof words);
    if (count < sizeof words) words.fill(0);
    std::memcpy(words.data(), bytes, count);
    for (std::size_t l = 0; l < kLanes; ++l) lanes[l] = (lanes[l] ^ words[l]) * kFactor;
    bytes += count;
    left -= count;
  }
  std::uint64_t result = 0;
  for (const std::uint64_t lane : lanes) result = (result ^ lane ^ (lane >> 32)) * kFactor;
  return result;
}

}  // namespace

WrittenGradient PrivateGradient::write_to(const std::vector<NamedParameter>& parameters) && {
  SOTTO_ASSERT(parameters.size() == values_.size());
  WrittenGradient written;
  for (size_t p = 0; p < parameters.size(); ++p) {
    const at::Tensor& parameter = parameters[p].tensor;
    SOTTO_ASSERT(parameter.sizes() == values_[p].sizes());
    const at::Tensor value = values_[p].to(parameter.scalar_type());
    parameter.mutable_grad() = value;
    written.entries_.push_back({parameters[p], value, value._version(), checksum(value)});
  }
  return written;
}

void WrittenGradient::check() const {
  for (const Entry& entry : entries_) {
    const at::Tensor& now = entry.parameter.tensor.grad();
    if (!now.defined() || !now.is_same(entry.gradient)) {
      throw UsageError(
          fmt::format("[PrivateTraining] the .grad of parameter {} is not the tensor that the private step wrote: "
                      "something else (a backward() call?) replaced it, and applying it would release a gradient "
                      "without noise",
                      entry.parameter.name));
    }
    // The version is what LibTorch's operators raise; writes through .data() and raw pointers only show in the bytes.
    if (now._version() != entry.version || checksum(now) != entry.checksum) {
      throw UsageError(
          fmt::format("[PrivateTraining] the .grad of parameter {} was changed after the private step wrote it. Change "
                      "learning rates or weights instead; gradients must reach the optimizer as they were released",
                      entry.parameter.name));
    }
  }
}

}  // namespace sotto::optim
