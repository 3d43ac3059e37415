#include <fmt/format.h>
#include <sotto/optim/lasting_tensor.h>
#include <sotto/optim/operator_call.h>
#include <sotto/optim/tracked_tensors.h>
#include <sotto/privacy/error.h>

namespace sotto::optim {

LastingTensor::LastingTensor(std::string what, const at::Tensor& tensor)
    : what_(std::move(what)), tensor_(tensor), version_(version()), storage_(storage_of(tensor)) {}

void LastingTensor::check_unchanged() const {
  if (version() == version_ && storage_of(tensor_) == storage_) return;
  throw UsageError(
      fmt::format("[Tape] {} was changed while the model ran: what a batch leaves behind reaches the next "
                  "one without noise. Compute it before training, or return it as a loss",
                  what_));
}

int64_t LastingTensor::version() const {
  return tensor_.is_inference() ? 0 : tensor_._version();
}

std::vector<LastingTensor> lasting_tensors(const std::vector<NamedParameter>& parameters,
                                           const std::vector<at::Tensor>& constants) {
  std::vector<LastingTensor> result;
  for (const at::Tensor& constant : constants)
    result.emplace_back("a buffer or constant of sizes " + sizes_text(constant.sizes()), constant);
  for (const NamedParameter& parameter : parameters)
    result.emplace_back("parameter " + parameter.name, parameter.tensor);
  return result;
}

}  // namespace sotto::optim
