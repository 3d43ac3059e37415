#pragma once
// Which parameters of a module are trained: a frozen one needs neither gradients nor an optimizer's state.

#include <torch/nn/module.h>

#include <string>
#include <vector>

namespace sotto::models {

// Trains the parameters whose names match a pattern (name_pattern.h) and freezes all others; returns the names of those
// that are trained. Throws UsageError for a pattern that matches no parameter.
std::vector<std::string> train_only(torch::nn::Module& module, const std::vector<std::string>& patterns);

// Freezes or thaws the parameters whose names match; returns them. Throws as above.
std::vector<std::string> freeze(torch::nn::Module& module, const std::vector<std::string>& patterns);
std::vector<std::string> thaw(torch::nn::Module& module, const std::vector<std::string>& patterns);

// What an optimizer is to be given: the parameters that are trained, in the order of the module.
std::vector<torch::Tensor> trained(const torch::nn::Module& module);

}  // namespace sotto::models
