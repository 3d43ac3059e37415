#pragma once
// The tensors of a module by their names, as state.h reads and writes them.

#include <sotto/models/state.h>
#include <torch/nn/module.h>

#include <vector>

namespace sotto::models {

std::vector<NamedTensor> module_parameters(const torch::nn::Module& module);
std::vector<NamedTensor> module_buffers(const torch::nn::Module& module);

}  // namespace sotto::models
