#include <ATen/TensorOperators.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/tanh.h>
#include <fmt/format.h>
#include <sotto/kernels/lstm_steps.h>
#include <sotto/optim/lstm_layer.h>
#include <sotto/optim/lstm_nodes.h>
#include <sotto/optim/operator_call.h>
#include <sotto/privacy/error.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/library.h>

#include <optional>
#include <tuple>
#include <vector>

namespace sotto::optim {
namespace {

using at::Tensor;

constexpr const char* kSchema =
    "lstm_layer(Tensor input, Tensor h, Tensor c, Tensor input_weight, Tensor weight, Tensor? input_bias, Tensor? "
    "bias, bool reverse) -> (Tensor output, Tensor last_h, Tensor last_c, Tensor before)";

struct States {
  Tensor activations;  // [T, B, 4H], of the gates
  Tensor h, c;         // [T + 1, B, H], the first state in front, or behind when reversed
};

struct Layer {
  Tensor input, input_weight, weight;  // contiguous
  Tensor bias;                         // the sum of both, or not defined
  bool reverse;
};

void run_steps(const Layer& layer, States& states) {
  const int64_t inputs = layer.input.size(2), hidden = layer.weight.size(1);
  for_lstm_records(
      states.activations, inputs, layer.reverse, [&](const kernels::LstmShape& shape, int64_t first, void* scratch) {
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
    const int64_t t = lstm_step_at(k, steps, layer.reverse), from = layer.reverse ? t + 1 : t,
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
  (has_lstm_kernel(layer.input) ? run_steps : run_steps_by_operators)(layer, states);
  return states;
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
