#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sigmoid_backward.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/tanh_backward.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>
#include <sotto/kernels/lstm_steps.h>
#include <sotto/optim/lstm_layer.h>
#include <sotto/optim/lstm_nodes.h>
#include <sotto/optim/operator_call.h>
#include <sotto/privacy/error.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/library.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <tuple>
#include <vector>

namespace sotto::optim {
namespace {

using at::Tensor;

constexpr const char* kSchema =
    "lstm_layer(Tensor input, Tensor h, Tensor c, Tensor input_weight, Tensor weight, Tensor? input_bias, Tensor? "
    "bias, "
    "bool reverse) -> (Tensor output, Tensor last_h, Tensor last_c, Tensor before)";

constexpr int64_t kRecordsPerTask = 4;

struct States {
  Tensor activations;  // [T, B, 4H], of the gates
  Tensor h, c;         // [T + 1, B, H], the first state in front, or behind when reversed
};

int64_t step_at(int64_t k, int64_t steps, bool reverse) {
  return reverse ? steps - 1 - k : k;
}

struct Layer {
  Tensor input, input_weight, weight;  // contiguous
  Tensor bias;                         // the sum of both, or not defined
  bool reverse;
};

bool has_kernel(const Tensor& tensor) {
  return tensor.device().is_cpu() && tensor.scalar_type() == at::kFloat;
}

// apply(shape, first record, scratch) for the records of each thread; rows of input and of gates with the same T and A.
void in_threads(const Tensor& gates, int64_t inputs, bool reverse,
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

void run_steps(const Layer& layer, States& states) {
  const int64_t inputs = layer.input.size(2), hidden = layer.weight.size(1);
  in_threads(states.activations, inputs, layer.reverse,
             [&](const kernels::LstmShape& shape, int64_t first, void* scratch) {
               kernels::lstm_steps(shape, layer.input.const_data_ptr<float>() + first * inputs,
                                   layer.input_weight.const_data_ptr<float>(), layer.weight.const_data_ptr<float>(),
                                   layer.bias.defined() ? layer.bias.const_data_ptr<float>() : nullptr,
                                   states.activations.mutable_data_ptr<float>() + first * 4 * hidden,
                                   states.h.mutable_data_ptr<float>() + first * hidden,
                                   states.c.mutable_data_ptr<float>() + first * hidden, scratch);
             });
}

// The same in LibTorch's operators: any dtype and device.
void run_steps_by_operators(const Layer& layer, States& states) {
  const int64_t steps = layer.input.size(0), hidden = layer.weight.size(1);
  states.activations.copy_(at::linear(layer.input, layer.input_weight, layer.bias));
  const Tensor transposed = layer.weight.t();
  for (int64_t k = 0; k < steps; ++k) {
    const int64_t t = step_at(k, steps, layer.reverse), from = layer.reverse ? t + 1 : t,
                  to = layer.reverse ? t : t + 1;
    Tensor gate = states.activations[t], c_now = states.c[to], h_now = states.h[to];
    gate.addmm_(states.h[from], transposed);
    gate.narrow(1, 0, 2 * hidden).sigmoid_();
    gate.narrow(1, 2 * hidden, hidden).tanh_();
    gate.narrow(1, 3 * hidden, hidden).sigmoid_();
    at::mul_out(c_now, gate.narrow(1, hidden, hidden), states.c[from]);
    c_now.addcmul_(gate.narrow(1, 0, hidden), gate.narrow(1, 2 * hidden, hidden));
    at::tanh_out(h_now, c_now).mul_(gate.narrow(1, 3 * hidden, hidden));
  }
}

States run(const Layer& layer, const Tensor& h, const Tensor& c) {
  const int64_t steps = layer.input.size(0), batch = layer.input.size(1), hidden = layer.weight.size(1);
  const auto states_of = [&](const Tensor& first) {
    Tensor all = at::empty({steps + 1, batch, hidden}, layer.input.options());
    all[layer.reverse ? steps : 0].copy_(first);
    return all;
  };
  States states{at::empty({steps, batch, 4 * hidden}, layer.input.options()), states_of(h), states_of(c)};
  (has_kernel(layer.input) ? run_steps : run_steps_by_operators)(layer, states);
  return states;
}

// From the gradients of the output (or none) and of the last states, of_h and of_c, to those of the gates and, in
// place, of the first states.
Tensor run_back(const Tensor& activations, const Tensor& c, const Tensor& weight, const Tensor& of_output, bool reverse,
                Tensor& of_h, Tensor& of_c) {
  const int64_t hidden = weight.size(1);
  Tensor of_gates = at::empty_like(activations);
  in_threads(activations, 0, reverse, [&](const kernels::LstmShape& shape, int64_t first, void* scratch) {
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
    const int64_t t = step_at(k, steps, reverse), from = reverse ? t + 1 : t, to = reverse ? t : t + 1;
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

void check_sizes(const Tensor& input, const Tensor& h, const Tensor& c, const Tensor& input_weight,
                 const Tensor& weight, const Tensor& input_bias, const Tensor& bias) {
  const auto check = [&](const char* name, const Tensor& tensor, std::vector<int64_t> sizes) {
    if (tensor.sizes() == sizes && tensor.scalar_type() == input.scalar_type()) return;
    throw UsageError(fmt::format("[lstm_layer] {}: {} of sizes {}; must be {} of sizes {}", name,
                                 c10::toString(tensor.scalar_type()), sizes_text(tensor.sizes()),
                                 c10::toString(input.scalar_type()), sizes_text(sizes)));
  };
  if (input.dim() != 3 || weight.dim() != 2) {
    throw UsageError(fmt::format("[lstm_layer] input of sizes {}, weight of sizes {}; must be [T, B, E] and [4H, H]",
                                 sizes_text(input.sizes()), sizes_text(weight.sizes())));
  }
  const int64_t batch = input.size(1), hidden = weight.size(1);
  check("h", h, {batch, hidden});
  check("c", c, {batch, hidden});
  check("input_weight", input_weight, {4 * hidden, input.size(2)});
  check("weight", weight, {4 * hidden, hidden});
  for (const Tensor& each : {input_bias, bias}) {
    if (each.defined()) check("bias", each, {4 * hidden});
  }
}

std::tuple<Tensor, Tensor, Tensor, Tensor> lstm_layer(const Tensor& input, const Tensor& h, const Tensor& c,
                                                      const Tensor& input_weight, const Tensor& weight,
                                                      const std::optional<Tensor>& input_bias,
                                                      const std::optional<Tensor>& bias, bool reverse) {
  const Tensor of_input = input_bias.value_or(Tensor()), of_state = bias.value_or(Tensor());
  check_sizes(input, h, c, input_weight, weight, of_input, of_state);
  Tensor output, last_h, last_c, before;
  States states;
  {
    const at::NoGradGuard no_grad;
    const Tensor both = of_input.defined() && of_state.defined() ? of_input + of_state
                        : of_input.defined()                     ? of_input
                                                                 : of_state;
    states = run({input.contiguous(), input_weight.contiguous(), weight.contiguous(), both, reverse}, h, c);
    const int64_t steps = input.size(0), last = reverse ? 0 : steps;
    output = states.h.narrow(0, reverse ? 0 : 1, steps).clone();
    before = states.h.narrow(0, reverse ? 1 : 0, steps);
    last_h = states.h[last].clone();
    last_c = states.c[last].clone();
  }
  using torch::autograd::collect_next_edges;
  if (at::GradMode::is_enabled() &&
      torch::autograd::compute_requires_grad(input, h, c, input_weight, weight, of_input, of_state)) {
    const auto gates = c10::make_intrusive<LstmGatesNode>(input, input_weight);
    gates->set_next_edges(collect_next_edges(input, input_weight, of_input, of_state));
    const auto node = c10::make_intrusive<LstmStepsNode>(states.activations, states.h, states.c, weight, reverse);
    torch::autograd::edge_list edges = collect_next_edges(h, c, weight);
    edges.insert(edges.begin(), torch::autograd::Edge(gates, gates->add_input_metadata(states.activations)));
    node->set_next_edges(std::move(edges));
    for (Tensor* each : {&output, &last_h, &last_c}) torch::autograd::create_gradient_edge(*each, node);
  }
  return {output, last_h, last_c, before};
}

}  // namespace

torch::autograd::variable_list LstmStepsNode::apply(torch::autograd::variable_list&& gradients) {
  const at::NoGradGuard no_grad;
  const Tensor& weight = weight_.get();
  const auto state_or_zeros = [](const Tensor& gradient, const Tensor& like) {
    return gradient.defined() ? gradient.clone(at::MemoryFormat::Contiguous) : at::zeros_like(like);
  };
  const Tensor of_output = gradients[0].defined() ? gradients[0].contiguous() : Tensor();
  Tensor of_h = state_or_zeros(gradients[1], h_[0]), of_c = state_or_zeros(gradients[2], c_[0]);
  const Tensor of_gates = (has_kernel(activations_) ? run_back : run_back_by_operators)(
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
    if (has_kernel(of_gates)) {
      in_threads(of_gates, input.size(2), false, [&](const kernels::LstmShape& shape, int64_t first, void* scratch) {
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

void define_lstm_layer() {
  static const bool defined = [] {
    // Another copy of this code in the process may have been first.
    if (c10::Dispatcher::singleton().findSchema({kLstmLayer, ""})) return true;
    static torch::Library library(torch::Library::FRAGMENT, "sotto", std::nullopt, __FILE__, __LINE__);
    library.def(kSchema, &lstm_layer);
    return true;
  }();
  static_cast<void>(defined);
}

}  // namespace sotto::optim
