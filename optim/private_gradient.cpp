#include <fmt/format.h>
#include <sotto/optim/private_gradient.h>
#include <sotto/privacy/error.h>

namespace sotto::optim {

WrittenGradient PrivateGradient::write_to(const std::vector<NamedParameter>& parameters) && {
  SOTTO_ASSERT(parameters.size() == values_.size());
  WrittenGradient written;
  for (size_t p = 0; p < parameters.size(); ++p) {
    const at::Tensor& parameter = parameters[p].tensor;
    SOTTO_ASSERT(parameter.sizes() == values_[p].sizes());
    parameter.mutable_grad() = values_[p];
    written.entries_.push_back({parameters[p], values_[p], values_[p]._version()});
  }
  return written;
}

void WrittenGradient::check() const {
  for (const Entry& entry : entries_) {
    const at::Tensor& now = entry.parameter.tensor.grad();
    if (!now.defined() || !now.is_same(entry.gradient)) {
      throw UsageError(
          fmt::format("[PrivateTraining] the .grad of parameter {} is not the tensor that the private step wrote: "
                      "something else (a "
                      "backward() call?) replaced it, and applying it would release a gradient without noise",
                      entry.parameter.name));
    }
    if (now._version() != entry.version) {
      throw UsageError(fmt::format(
          "[PrivateTraining] the .grad of parameter {} was changed after the private step wrote it: got version {}, "
          "expected {}. Change learning rates or weights instead; gradients must reach the optimizer as released",
          entry.parameter.name, now._version(), entry.version));
    }
  }
}

}  // namespace sotto::optim
