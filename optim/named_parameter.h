#pragma once
// A trainable parameter and the name it has in messages, files and certificates.

#include <ATen/core/Tensor.h>

#include <string>

namespace sotto::optim {

struct NamedParameter {
  std::string name;
  at::Tensor tensor;  // a leaf that requires grad
};

}  // namespace sotto::optim
