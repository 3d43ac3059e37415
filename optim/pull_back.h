#pragma once
// Gradients of parameters from gradients of functions of them (a normalised weight, looked-up positions), for many
// records in one backward pass: LibTorch's batching transform (vmap) maps the pass over the records.

#include <ATen/core/Tensor.h>
#include <torch/csrc/autograd/edge.h>

#include <vector>

namespace sotto::optim {

// `gradients[k]` is [n, sizes of values[k]], the gradients of n records. Returns one tensor [n, sizes of parameter] for
// each parameter, undefined where none of the values depends on it. The graph of the values is kept.
std::vector<at::Tensor> pull_back(const std::vector<at::Tensor>& values, const std::vector<at::Tensor>& gradients,
                                  const std::vector<at::Tensor>& parameters);

}  // namespace sotto::optim
