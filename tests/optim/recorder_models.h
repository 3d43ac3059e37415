#pragma once
// Models of loose parameters or modules for the recorder's tests.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "oracle.h"
#include "recorder_refusal.h"

namespace sotto::optim::testing {

namespace nn = torch::nn;
namespace F = torch::nn::functional;
using torch::Tensor;
using Tensors = std::vector<Tensor>;
using Forward = std::function<Tensor(const Tensors& p, const Tensors& x)>;

inline constexpr int64_t kRecords = 4;

// Loose parameters and a function of them that returns losses.
inline Model loose(Tensors parameters, Tensors inputs, Forward losses, Tensors constants = {}) {
  auto owned = std::make_shared<Tensors>();
  Model model;
  for (size_t p = 0; p < parameters.size(); ++p) {
    owned->push_back(parameters[p].detach().clone().requires_grad_());
    model.parameters.push_back({"weight" + std::to_string(p), owned->back()});
  }
  model.inputs = std::move(inputs);
  model.constants = std::move(constants);
  model.losses = [owned, losses](const Tensors& x) { return losses(*owned, x); };
  return model;
}

template <class Holder>
inline Model module_model(Holder module, Tensors inputs) {
  Model model = {named(*module), {}, std::move(inputs), [module](const Tensors& x) mutable {
                   return module->forward(x[0]).flatten(1).pow(2).sum(1);
                 }};
  for (const Tensor& buffer : module->buffers()) model.constants.push_back(buffer);
  return model;
}

inline Tensor weight(at::IntArrayRef sizes = {3, 5}) {
  return torch::randn(sizes);
}
inline Tensor records(at::IntArrayRef sizes = {kRecords, 5}) {
  return torch::randn(sizes);
}
inline Tensor per_record(const Tensor& activation) {
  return activation.flatten(1).pow(2).sum(1);
}

}  // namespace sotto::optim::testing
