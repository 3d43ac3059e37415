#pragma once
// A tensor that the next batch sees as this one leaves it: a buffer or a parameter.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace sotto::optim {

// A model that changed it, even by a constant, would show how many physical batches there were; the versions are what
// LibTorch's operators raise, through any alias.
class LastingTensor {
 public:
  // `what` begins the message, for example "parameter layer.weight".
  LastingTensor(std::string what, const at::Tensor& tensor);

  // Throws UsageError when the tensor was written to, or given another storage, since it was constructed.
  void check_unchanged() const;

 private:
  int64_t version() const;

  std::string what_;
  at::Tensor tensor_;
  int64_t version_;
  const void* storage_;
};

}  // namespace sotto::optim
