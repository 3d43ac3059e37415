#pragma once
// Memory of tensors that could carry what no operator put there.

#include <ATen/core/Tensor.h>

#include <string_view>

namespace sotto::optim {

// Writes zeros over the result of an operator that returns memory as it is (aten::empty and its kind): what was freed
// there before may be of other records. Does nothing for any other operator.
void clear_if_uninitialised(std::string_view operator_name, const at::Tensor& result);

// Whether two elements may lie in one place of memory: false only when sizes and strides show that none do.
bool may_overlap_itself(const at::Tensor& tensor);

}  // namespace sotto::optim
