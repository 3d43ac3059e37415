#pragma once
// How the models of the oracle tests are put together: every test file lists its cases by name.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "oracle.h"

namespace sotto::optim::testing {

namespace nn = torch::nn;
namespace F = torch::nn::functional;
using torch::Tensor;

using Factory = std::function<Model(torch::Dtype)>;
using Cases = std::map<std::string, Factory>;
using Tensors = std::vector<Tensor>;

inline constexpr int64_t kRecords = 6;

// One loss per record out of any activation with the batch in front, with a different slope for every element.
inline Tensor to_losses(const Tensor& activation) {
  const Tensor flat = activation.reshape({activation.size(0), -1});
  const Tensor slope = torch::arange(1, flat.size(1) + 1, flat.options()).mul(0.7).sin();
  return (torch::tanh(flat) * slope).sum(1);
}

template <class Holder>
Model wrap(Holder module, std::vector<Tensor> inputs, torch::Dtype dtype) {
  module->to(dtype);
  for (Tensor& input : inputs) {
    if (input.is_floating_point()) input = input.to(dtype);
  }
  std::vector<Tensor> constants;
  for (const Tensor& buffer : module->buffers()) constants.push_back(buffer);
  return {named(*module), constants, inputs,
          [module](const std::vector<Tensor>& batch) mutable { return to_losses(module->forward(batch[0])); }};
}

// A module made of loose parameters and a function of them.
inline Model free_model(std::vector<Tensor> parameters, std::vector<Tensor> inputs,
                        std::function<Tensor(const std::vector<Tensor>& p, const std::vector<Tensor>& x)> forward,
                        torch::Dtype dtype) {
  auto owned = std::make_shared<std::vector<Tensor>>();
  Model model;
  for (size_t p = 0; p < parameters.size(); ++p) {
    owned->push_back(parameters[p].detach().to(dtype).clone().requires_grad_());
    model.parameters.push_back({"p" + std::to_string(p), owned->back()});
  }
  for (Tensor& input : inputs) model.inputs.push_back(input.is_floating_point() ? input.to(dtype) : input);
  model.losses = [owned, forward](const std::vector<Tensor>& x) { return to_losses(forward(*owned, x)); };
  return model;
}

inline Tensor random(at::IntArrayRef sizes) {
  return torch::randn(sizes, torch::kDouble);
}
inline Tensor integers(int64_t from, int64_t to, const Tensor& like) {
  return torch::arange(from, to, torch::dtype(torch::kLong).device(like.device()));
}
inline Tensor tokens(at::IntArrayRef sizes, int64_t vocabulary) {
  return torch::randint(0, vocabulary, sizes, torch::kLong);
}

// The factory of free_model.
template <class Forward>
Factory loose(std::vector<Tensor> parameters, std::vector<Tensor> inputs, Forward forward) {
  return [=](torch::Dtype dtype) { return free_model(parameters, inputs, forward, dtype); };
}

// The factory of wrap; `make` builds the module.
template <class Make>
Factory module(Make make, std::vector<Tensor> inputs) {
  return [=](torch::Dtype dtype) { return wrap(make(), inputs, dtype); };
}

}  // namespace sotto::optim::testing
