#pragma once
// Copies of inputs: of a whole batch, and of record i as a batch of its own.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace sotto::optim {

// With memory of their own: models may change their inputs.
inline std::vector<at::Tensor> copies(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> result;
  for (const at::Tensor& tensor : tensors) result.push_back(tensor.clone());
  return result;
}

// Every input has the records in dimension 0, 0 <= i < B; results have size 1 there, and memory of their own, so that
// no view of it reaches another record.
inline std::vector<at::Tensor> one_record(const std::vector<at::Tensor>& inputs, int64_t i) {
  std::vector<at::Tensor> record;
  for (const at::Tensor& input : inputs) record.push_back(input.slice(0, i, i + 1).clone());
  return record;
}

}  // namespace sotto::optim
