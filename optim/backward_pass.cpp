#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <sotto/optim/backward_pass.h>
#include <sotto/privacy/error.h>
#include <torch/csrc/autograd/engine.h>

#include <unordered_map>

namespace sotto::optim {
namespace {

using torch::autograd::Edge;

struct EdgeHash {
  size_t operator()(const std::pair<torch::autograd::Node*, uint32_t>& key) const {
    return std::hash<void*>()(key.first) ^ (std::hash<uint32_t>()(key.second) << 1);
  }
};

}  // namespace

torch::autograd::variable_list run_backward(Recording& recording, const std::vector<NamedParameter>& parameters,
                                            double loss_scale, const torch::autograd::edge_list& roots,
                                            const torch::autograd::variable_list& gradients,
                                            const torch::autograd::edge_list& further) {
  // Uses of one operator (weight and bias) share its output's edge: captured once.
  torch::autograd::edge_list edges = further;
  std::unordered_map<std::pair<torch::autograd::Node*, uint32_t>, size_t, EdgeHash> place;
  for (const RecordedUse& use : recording.uses) {
    if (place.emplace(std::make_pair(use.output.function.get(), use.output.input_nr), edges.size()).second)
      edges.push_back(use.output);
  }
  torch::autograd::variable_list captured = torch::autograd::Engine::get_default_engine().execute(
      roots, gradients, /*keep_graph=*/false, /*create_graph=*/false, /*accumulate_grad=*/false, edges);
  for (RecordedUse& use : recording.uses) {
    at::Tensor gradient = captured[place.at({use.output.function.get(), use.output.input_nr})];
    if (!gradient.defined()) {
      use.use.reset();
      continue;
    }
    const ParameterExpression& expression = recording.expressions[use.expression];
    if (!at::isFloatingType(gradient.scalar_type())) {
      throw UsageError(fmt::format("[Tape] operator {} uses parameter {} in dtype {}: norms and sums need real numbers",
                                   use.operator_name, expression.parameter_names,
                                   c10::toString(gradient.scalar_type())));
    }
    // What a layer in half precision hands out is divided, multiplied and summed in the parameter's own dtype.
    gradient = gradient.to(parameters[*expression.parameters.begin()].tensor.scalar_type());
    use.use->bind(loss_scale == 1.0 ? gradient : gradient / loss_scale);
    if (const at::Tensor rows = use.use->kept_rows(); rows.defined())
      check_rows(rows, recording.batch, use, expression);
  }
  captured.resize(further.size());
  return captured;
}

}  // namespace sotto::optim
