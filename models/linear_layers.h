#pragma once
// The linear layers of a module, for what adapts them.

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>

#include <memory>
#include <string>
#include <vector>

namespace sotto::models {

struct LinearLayer {
  std::string name;
  std::shared_ptr<torch::nn::LinearImpl> layer;
};

// In the order of the module, each once, under the first of its names.
std::vector<LinearLayer> linear_layers(const torch::nn::Module& module);

}  // namespace sotto::models
