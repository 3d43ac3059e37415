#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <sotto/optim/backward_pass.h>
#include <sotto/optim/sum_dtype.h>
#include <sotto/privacy/error.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/function_hook.h>

#include <memory>
#include <unordered_map>

namespace sotto::optim {
namespace {

using torch::autograd::Node;
using torch::autograd::variable_list;

using UsesOfNode = std::unordered_map<Node*, std::vector<size_t>>;

UsesOfNode uses_by_node(const Recording& recording) {
  UsesOfNode result;
  for (size_t u = 0; u < recording.uses.size(); ++u) result[recording.uses[u].output.function.get()].push_back(u);
  return result;
}

// The nodes with a use behind which, on the way back, no other lies. An engine that is asked for the gradients that
// arrive there passes all the others.
std::vector<Node*> last_with_uses(const torch::autograd::edge_list& roots, const UsesOfNode& uses) {
  struct Visit {
    Node* node;
    size_t next_edge;
  };
  std::unordered_map<Node*, bool> leads_to_use;  // the node itself not counted
  std::vector<Visit> path;
  const auto enter = [&](Node* node) {
    if (node != nullptr && leads_to_use.emplace(node, false).second) path.push_back({node, 0});
  };
  for (const torch::autograd::Edge& root : roots) {
    enter(root.function.get());
    while (!path.empty()) {
      Node* const node = path.back().node;
      if (path.back().next_edge < node->num_outputs()) {
        enter(node->next_edge(path.back().next_edge++).function.get());
        continue;
      }
      path.pop_back();
      for (const torch::autograd::Edge& edge : node->next_edges()) {
        Node* const behind = edge.function.get();
        if (behind != nullptr && (uses.contains(behind) || leads_to_use.at(behind))) leads_to_use[node] = true;
      }
    }
  }
  std::vector<Node*> result;
  for (const auto& [node, ignored] : uses) {
    const auto found = leads_to_use.find(node);
    if (found != leads_to_use.end() && !found->second) result.push_back(node);
  }
  return result;
}

// Hands gradients to uses while the backward pass lives that made it; nodes that outlive it keep it, switched off.
class Binder {
 public:
  Binder(Recording& recording, const std::vector<NamedParameter>& parameters, double loss_scale,
         const StepDevice& device, const std::function<void(size_t)>& bound)
      : recording_(recording),
        parameters_(parameters),
        loss_scale_(loss_scale),
        device_(device),
        bound_(bound),
        reached_(recording.uses.size(), false) {}

  void bind(const std::vector<size_t>& uses, const variable_list& gradients) {
    for (size_t u : uses) {
      const at::Tensor& gradient = gradients.at(recording_.uses[u].output.input_nr);
      if (gradient.defined()) bind(u, gradient);
    }
  }

  void drop_uses_not_reached() {
    for (size_t u = 0; u < reached_.size(); ++u) {
      if (!reached_[u]) recording_.uses[u].use.reset();
    }
  }

 private:
  void bind(size_t place, at::Tensor gradient) {
    RecordedUse& use = recording_.uses[place];
    const ParameterExpression& expression = recording_.expressions[use.expression];
    if (!at::isFloatingType(gradient.scalar_type())) {
      throw UsageError(fmt::format("[Tape] operator {} uses parameter {} in dtype {}: norms and sums need real numbers",
                                   use.operator_name, expression.parameter_names,
                                   c10::toString(gradient.scalar_type())));
    }
    // What a layer in half precision hands out is divided, multiplied and summed in float, or what its parameter has.
    gradient = gradient.to(sum_dtype(parameters_[*expression.parameters.begin()].tensor));
    use.use->set_device(device_);
    use.use->bind(loss_scale_ == 1.0 ? gradient : gradient / loss_scale_);
    if (const at::Tensor rows = use.use->kept_rows(); rows.defined())
      check_rows(rows, recording_.batch, use, expression);
    reached_[place] = true;
    bound_(place);
  }

  Recording& recording_;
  const std::vector<NamedParameter>& parameters_;
  double loss_scale_;
  const StepDevice& device_;
  const std::function<void(size_t)>& bound_;
  std::vector<bool> reached_;
};

class BindingHook final : public torch::autograd::FunctionPreHook {
 public:
  BindingHook(std::weak_ptr<Binder> binder, std::vector<size_t> uses)
      : binder_(std::move(binder)), uses_(std::move(uses)) {}

  variable_list operator()(const variable_list& gradients) override {
    if (const auto binder = binder_.lock()) binder->bind(uses_, gradients);
    return gradients;
  }

 private:
  std::weak_ptr<Binder> binder_;  // gone when a node outlives its backward pass
  std::vector<size_t> uses_;
};

}  // namespace

variable_list run_backward(Recording& recording, const std::vector<NamedParameter>& parameters, double loss_scale,
                           const StepDevice& device, const torch::autograd::edge_list& roots,
                           const variable_list& gradients, const torch::autograd::edge_list& further,
                           const std::function<void(size_t use)>& bound) {
  const UsesOfNode uses = uses_by_node(recording);
  const auto binder = std::make_shared<Binder>(recording, parameters, loss_scale, device, bound);
  for (const auto& [node, of_node] : uses) node->add_tensor_pre_hook(std::make_unique<BindingHook>(binder, of_node));
  torch::autograd::edge_list edges = further;
  for (Node* node : last_with_uses(roots, uses)) edges.push_back(recording.uses[uses.at(node).front()].output);
  // An engine that is asked for nothing computes everything, and would leave raw gradients in .grad.
  variable_list captured;
  if (!edges.empty()) {
    captured = torch::autograd::Engine::get_default_engine().execute(
        roots, gradients, /*keep_graph=*/false, /*create_graph=*/false, /*accumulate_grad=*/false, edges);
  }
  binder->drop_uses_not_reached();
  captured.resize(further.size());
  return captured;
}

}  // namespace sotto::optim
