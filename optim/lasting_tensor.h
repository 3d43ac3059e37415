#pragma once
// A tensor that the next batch sees as this one leaves it: a parameter, a buffer, a constant. A model that changed it,
// even by a constant, would show how many physical batches there were; the versions are what LibTorch's operators
// raise, through any alias.

#include <ATen/core/Tensor.h>
#include <sotto/optim/named_parameter.h>

#include <string>
#include <vector>

namespace sotto::optim {

class LastingTensor {
 public:
  LastingTensor(std::string what, const at::Tensor& tensor);

  // Throws UsageError when the tensor was written to, or its storage replaced, since construction.
  void check_unchanged() const;

 private:
  int64_t version() const;

  std::string what_;
  at::Tensor tensor_;
  int64_t version_;
  const void* storage_;
};

std::vector<LastingTensor> lasting_tensors(const std::vector<NamedParameter>& parameters,
                                           const std::vector<at::Tensor>& constants);

}  // namespace sotto::optim
