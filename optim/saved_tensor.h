#pragma once
// An activation that a per-record gradient needs later.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace sotto::optim {

// Reading it after it was overwritten in place throws UsageError.
class SavedTensor {
 public:
  SavedTensor() = default;  // none: get() is not for it
  explicit SavedTensor(const at::Tensor& tensor);
  const at::Tensor& get() const;

 private:
  at::Tensor tensor_;
  uint32_t version_ = 0;
};

}  // namespace sotto::optim
