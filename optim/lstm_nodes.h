#pragma once
// The backward pass of lstm_layer.h. Part of the tape, not for users.

#include <ATen/core/Tensor.h>
#include <sotto/optim/saved_tensor.h>
#include <torch/csrc/autograd/function.h>

#include <string>
#include <utility>

namespace sotto::optim {

// From output, last_h, last_c to the gates, h, c and the weight, in this order.
class LstmStepsNode final : public torch::autograd::Node {
 public:
  LstmStepsNode(at::Tensor activations, at::Tensor h, at::Tensor c, const at::Tensor& weight, bool reverse)
      : activations_(std::move(activations)), h_(std::move(h)), c_(std::move(c)), weight_(weight), reverse_(reverse) {}
  torch::autograd::variable_list apply(torch::autograd::variable_list&& gradients) override;
  void release_variables() override;
  std::string name() const override { return "sotto::LstmStepsNode"; }

 private:
  at::Tensor activations_;  // [T, B, 4H]
  at::Tensor h_, c_;        // [T + 1, B, H], first state in front, or behind when reversed
  SavedTensor weight_;
  bool reverse_;
};

// From the gates to the input, its weight and both biases.
class LstmGatesNode final : public torch::autograd::Node {
 public:
  LstmGatesNode(const at::Tensor& input, const at::Tensor& weight) : input_(input), weight_(weight) {}
  torch::autograd::variable_list apply(torch::autograd::variable_list&& gradients) override;
  void release_variables() override;
  std::string name() const override { return "sotto::LstmGatesNode"; }

 private:
  SavedTensor input_, weight_;
};

}  // namespace sotto::optim
