#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sigmoid_backward.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/tanh_backward.h>
#include <ATen/ops/zeros_like.h>
#include <sotto/optim/lstm_nodes.h>

#include <cstddef>
#include <vector>

namespace sotto::optim {
namespace {

using at::Tensor;

constexpr int64_t kRecordsPerTask = 4;

// From the gradients of the output (or none) and of the last states, of_h and of_c, to those of the gates and, in
// place, of the first states.
Tensor run_back(const Tensor& activations, const Tensor& c, const Tensor& weight, const Tensor& of_output, bool reverse,
                Tensor& of_h, Tensor& of_c) {
  const int64_t hidden = weight.size(1);
  Tensor of_gates = at::empty_like(activations);
  for_lstm_records(activations, 0, reverse, [&](const kernels::LstmShape& shape, int64_t first, void* scratch) {
    kernels::lstm_steps_back(shape, activations.const_data_ptr<float>() + first * 4 * hidden,
                             c.const_data_ptr<float>() + first * hidden, weight.const_data_ptr<float>(),
                             of_output.defined() ? of_output.const_data_ptr<float>() + first * hidden : nullptr,
                             of_gates.mutable_data_ptr<float>() + first * 4 * hidden,
                             of_h.mutable_data_ptr<float>() + first * hidden,
                             of_c.mutable_data_ptr<float>() + first * hidden, scratch);
  });
  return of_gates;
}

Tensor run_back_by_operators(const Tensor& activations, const Tensor& c, const Tensor& weight, const Tensor& of_output,
                             bool reverse, Tensor& of_h, Tensor& of_c) {
  const int64_t steps = activations.size(0), hidden = weight.size(1);
  Tensor of_gates = at::empty_like(activations);
  for (int64_t k = steps - 1; k >= 0; --k) {
    const int64_t t = lstm_step_at(k, steps, reverse), from = reverse ? t + 1 : t, to = reverse ? t : t + 1;
    const auto part = [&](const Tensor& of, int64_t gate) { return of[t].narrow(1, gate * hidden, hidden); };
    const Tensor i = part(activations, 0), f = part(activations, 1), g = part(activations, 2), o = part(activations, 3);
    Tensor of_i = part(of_gates, 0), of_f = part(of_gates, 1), of_g = part(of_gates, 2), of_o = part(of_gates, 3);
    if (of_output.defined()) of_h += of_output[t];
    const Tensor bent = at::tanh(c[to]);
    at::sigmoid_backward_out(of_o, of_h * bent, o);
    of_c += at::tanh_backward(of_h * o, bent);
    at::sigmoid_backward_out(of_i, of_c * g, i);
    at::sigmoid_backward_out(of_f, of_c * c[from], f);
    at::tanh_backward_out(of_g, of_c * i, g);
    of_c *= f;
    of_h = at::mm(of_gates[t], weight);
  }
  return of_gates;
}

}  // namespace

bool has_lstm_kernel(const Tensor& tensor) {
  return tensor.device().is_cpu() && tensor.scalar_type() == at::kFloat;
}

void for_lstm_records(const Tensor& gates, int64_t inputs, bool reverse,
                      const std::function<void(const kernels::LstmShape&, int64_t first, void* scratch)>& apply) {
  at::parallel_for(0, gates.size(1), kRecordsPerTask, [&](int64_t begin, int64_t end) {
    const kernels::LstmShape shape{.steps = static_cast<size_t>(gates.size(0)),
                                   .records = static_cast<size_t>(end - begin),
                                   .all_records = static_cast<size_t>(gates.size(1)),
                                   .inputs = static_cast<size_t>(inputs),
                                   .hidden = static_cast<size_t>(gates.size(2) / 4),
                                   .reverse = reverse};
    std::vector<std::byte> scratch(kernels::lstm_scratch(shape));
    apply(shape, begin, scratch.data());
  });
}

torch::autograd::variable_list LstmStepsNode::apply(torch::autograd::variable_list&& gradients) {
  const at::NoGradGuard no_grad;
  const Tensor& weight = weight_.get();
  const auto state_or_zeros = [](const Tensor& gradient, const Tensor& like) {
    return gradient.defined() ? gradient.clone(at::MemoryFormat::Contiguous) : at::zeros_like(like);
  };
  const Tensor of_output = gradients[0].defined() ? gradients[0].contiguous() : Tensor();
  Tensor of_h = state_or_zeros(gradients[1], h_[0]), of_c = state_or_zeros(gradients[2], c_[0]);
  const Tensor of_gates = (has_lstm_kernel(activations_) ? run_back : run_back_by_operators)(
      activations_, c_, weight.contiguous(), of_output, reverse_, of_h, of_c);
  torch::autograd::variable_list result(num_outputs());
  result[0] = of_gates;
  result[1] = of_h;
  result[2] = of_c;
  if (task_should_compute_output(3)) {
    const Tensor before = h_.narrow(0, reverse_ ? 1 : 0, activations_.size(0));
    result[3] = at::mm(of_gates.flatten(0, 1).t(), before.flatten(0, 1));
  }
  return result;
}

void LstmStepsNode::release_variables() {
  activations_.reset();
  h_.reset();
  c_.reset();
}

torch::autograd::variable_list LstmGatesNode::apply(torch::autograd::variable_list&& gradients) {
  const at::NoGradGuard no_grad;
  torch::autograd::variable_list result(num_outputs());
  if (!gradients[0].defined()) return result;
  const Tensor of_gates = gradients[0].contiguous();
  const Tensor& input = input_.get();
  const Tensor weight = weight_.get().contiguous();
  if (task_should_compute_output(0)) {
    result[0] = at::empty(input.sizes(), of_gates.options());
    if (has_lstm_kernel(of_gates)) {
      for_lstm_records(of_gates, input.size(2), false,
                       [&](const kernels::LstmShape& shape, int64_t first, void* scratch) {
                         kernels::lstm_input_back(shape, of_gates.const_data_ptr<float>() + first * of_gates.size(2),
                                                  weight.const_data_ptr<float>(),
                                                  result[0].mutable_data_ptr<float>() + first * input.size(2), scratch);
                       });
    } else {
      at::matmul_out(result[0], of_gates, weight);
    }
  }
  if (task_should_compute_output(1)) result[1] = at::mm(of_gates.flatten(0, 1).t(), input.reshape({-1, input.size(2)}));
  for (const size_t bias : {2, 3}) {
    if (task_should_compute_output(bias)) result[bias] = of_gates.sum(at::IntArrayRef{0, 1});
  }
  return result;
}

void LstmGatesNode::release_variables() {
  input_ = {};
}

}  // namespace sotto::optim
