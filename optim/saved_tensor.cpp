#include <sotto/optim/saved_tensor.h>
#include <sotto/privacy/error.h>

namespace sotto::optim {

SavedTensor::SavedTensor(const at::Tensor& tensor)
    : tensor_(tensor.detach()), version_(static_cast<uint32_t>(tensor._version())) {}

const at::Tensor& SavedTensor::get() const {
  if (static_cast<uint32_t>(tensor_._version()) != version_) {
    throw UsageError(
        "[Tape] an activation that a per-record gradient needs was overwritten in place: use the out-of-place operator "
        "in the model");
  }
  return tensor_;
}

}  // namespace sotto::optim
