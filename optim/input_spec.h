#pragma once
// What one input of a model looks like, without any record of it: enough to make records up.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace sotto::optim {

struct InputSpec {
  std::vector<int64_t> sizes = {};  // of one record: the input's sizes without the batch, which is dimension 0
  at::ScalarType dtype = at::kFloat;
  double low = 0.0;  // floating-point inputs are drawn uniformly from [low, high), finite, low < high
  double high = 1.0;
  // Integer inputs are drawn uniformly from 0 .. vocabulary - 1: token ids, class labels. Must be at least 1.
  int64_t vocabulary = 2;
};

// A made-up batch on `device`: one tensor [batch, sizes...] per spec, in order. The same seed gives the same numbers;
// LibTorch's own generators are not touched. Throws UsageError for a spec out of range or a dtype that is neither
// floating-point, integer nor bool.
std::vector<at::Tensor> made_up_inputs(const std::vector<InputSpec>& specs, int64_t batch, uint64_t seed,
                                       at::Device device = at::kCPU);

// The spec of a tensor that holds records in dimension 0, from its sizes and dtype alone; its values are not read.
// Integers get the vocabulary {0, 1}, which every embedding and every classification knows.
InputSpec spec_of(const at::Tensor& records);

}  // namespace sotto::optim
