#pragma once
// Tensors as one vector of doubles.

#include <ATen/ATen.h>

#include <vector>

namespace sotto::optim {

inline at::Tensor flat(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> parts;
  for (const at::Tensor& tensor : tensors) parts.push_back(tensor.to(at::kDouble).reshape({-1}));
  return at::cat(parts);
}

}  // namespace sotto::optim
