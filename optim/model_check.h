#pragma once
// What keeps a torch::nn::Module from being trained privately, all of it at once and before anything runs; and the
// replacement of batch norm, on request only.

#include <sotto/optim/group_count.h>
#include <sotto/optim/input_spec.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace sotto::optim {

struct Finding {
  std::string module;  // "features.1", "" for the model itself
  std::string what;
  std::string remedy;    // "" when there is nothing to do
  bool refused = false;  // private training would refuse the model; otherwise good to know
};

// Batch norm with statistics of the batch, running statistics that records would be written to, embeddings that count
// or renormalise over the batch, parameters in half precision, no trainable parameter (all refused); frozen parameters
// and buffers (told). Looks at the modules, not at what forward() does with them.
std::vector<Finding> validate(const torch::nn::Module& model);

// The same, and all problems of explain_model() on made-up records.
std::vector<Finding> validate(const torch::nn::Module& model, const std::vector<InputSpec>& inputs,
                              const std::function<at::Tensor(const std::vector<at::Tensor>&)>& losses);

struct Replacement {
  std::string module;
  int64_t channels = 0;
  int64_t groups = 0;   // of the GroupNorm, channels / groups channels each
  bool done = false;    // false: a module of the program holds it in a member of its own, where it must be declared
  std::string message;  // what was done or is to be done
};

// Replaces every BatchNorm1d, 2d and 3d that an nn::Sequential of `model` (itself, or anywhere inside it) runs by
// GroupNorm, weight and bias kept; the statistics are dropped. Others are listed with done = false. An optimizer made
// before must be made again.
std::vector<Replacement> replace_batch_norm(torch::nn::Module& model);

}  // namespace sotto::optim
