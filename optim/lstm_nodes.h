#pragma once
// The backward pass of lstm_layer.h, and what both passes share. Part of the tape, not for users.

#include <ATen/core/Tensor.h>
#include <sotto/kernels/lstm_steps.h>
#include <sotto/optim/saved_tensor.h>
#include <torch/csrc/autograd/function.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace sotto::optim {

// Whether kernels/lstm_steps.h computes with this tensor; LibTorch's operators do otherwise.
bool has_lstm_kernel(const at::Tensor& tensor);

// apply(shape, first record, scratch) for the records of each thread, of gates [T, A, 4H].
void for_lstm_records(const at::Tensor& gates, int64_t inputs, bool reverse,
                      const std::function<void(const kernels::LstmShape&, int64_t first, void* scratch)>& apply);

// The step that comes as number k.
inline int64_t lstm_step_at(int64_t k, int64_t steps, bool reverse) {
  return reverse ? steps - 1 - k : k;
}

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
